// Series and lists that do not grow with time.

/** The newest `most` of a list, newest first, each key once. */
export class Latest {
  #most;
  #keyOf;
  items = [];

  constructor(most, keyOf) {
    this.#most = most;
    this.#keyOf = keyOf;
  }

  /** Newest first. */
  replace(items) {
    this.items = items.slice(0, this.#most);
  }

  /** Oldest first. One that is known takes the place of what it was. */
  add(items) {
    for (const item of items) {
      const key = this.#keyOf(item);
      const index = this.items.findIndex((each) => this.#keyOf(each) === key);
      if (index >= 0) this.items[index] = item;
      else this.items.unshift(item);
    }
    this.items.length = Math.min(this.items.length, this.#most);
  }
}

/** Points by second, oldest first; when there are too many, every second one goes and the step doubles. */
export class Curve {
  #most;
  #step;
  #first;
  points = [];

  constructor(most, step = 1) {
    this.#most = most;
    this.#first = this.#step = step;
  }

  replace(points) {
    this.points = [];
    this.#step = this.#first;
    for (const point of points) this.add(point);
  }

  /** Whether it was taken (`"added"`), taken with others thinned out (`"thinned"`), or came too soon (`null`). */
  add(point) {
    const last = this.points.at(-1);
    if (last && point.time - last.time < this.#step) return null;
    this.points.push(point);
    if (this.points.length < this.#most) return "added";
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.#step *= 2;
    return "thinned";
  }
}
