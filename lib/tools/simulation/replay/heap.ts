/** A binary heap: what comes first is given first, in logarithmic time. */
export interface Heap<Item> {
  push(item: Item): void;
  peek(): Item | undefined;
  pop(): Item | undefined;
  size(): number;
}

export function heap<Item>(compare: (a: Item, b: Item) => number): Heap<Item> {
  const items: Item[] = [];
  const at = (index: number) => items[index] as Item;
  const swap = (a: number, b: number) => {
    [items[a], items[b]] = [at(b), at(a)];
  };
  const before = (a: number, b: number) => a < items.length && compare(at(a), at(b)) < 0;

  function rise(from: number): void {
    let index = from;
    for (
      let parent = (index - 1) >> 1;
      index > 0 && before(index, parent);
      parent = (index - 1) >> 1
    ) {
      swap(index, parent);
      index = parent;
    }
  }

  function sink(): void {
    let index = 0;
    for (;;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const child = before(right, left) ? right : left;
      if (!before(child, index)) return;
      swap(child, index);
      index = child;
    }
  }

  return {
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const [first] = items;
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last as Item;
        sink();
      }
      return first;
    },
    size: () => items.length,
  };
}
