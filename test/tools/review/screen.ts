import { Terminal } from '@xterm/headless';

/** What a terminal shows of an output, and whether anything but text and colors reached it. */
export async function screen(output: string) {
  const terminal = new Terminal({ cols: 2000, rows: 4, allowProposedApi: true });
  let active = 0;
  for (const event of [terminal.onTitleChange, terminal.onBell]) event(() => active++);
  for (const id of [0, 2, 8, 52]) terminal.parser.registerOscHandler(id, () => ++active > 0);
  for (const final of ['J', 'H', 'K', 'A', 'B', 'C', 'D', 'f', 'h', 'l', 'r'])
    terminal.parser.registerCsiHandler({ final }, () => ++active > 0);
  await new Promise<void>((resolve) => terminal.write(output.replace(/\n/g, '\r\n'), resolve));
  const buffer = terminal.buffer.active;
  const lines = Array.from(
    { length: buffer.length },
    (_, i) => buffer.getLine(i)?.translateToString(true) ?? '',
  );
  terminal.dispose();
  return { text: lines.join('\n').trimEnd(), active };
}
