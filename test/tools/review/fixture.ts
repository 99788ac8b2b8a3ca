/** Two states of a small app, for the tests of the review. */
import type {
  Assembly,
  AssemblyStack,
  TemplateResource,
} from '../../../lib/tools/assembly/assembly';
import type { Finding } from '../../../lib/tools/review/findings/finding';
import type { Acknowledgement } from '../../../lib/tools/review/findings/stateful-losses';
import { type ChangeReview, reviewChange } from '../../../lib/tools/review/report/review';

export type Resources = Readonly<Record<string, TemplateResource>>;

/** A stack of the app. */
export function stackOf(resources: Resources, stack: Partial<AssemblyStack> = {}): AssemblyStack {
  return {
    path: 'app/Data',
    stackName: 'app-data',
    region: 'eu-west-1',
    dependsOn: [],
    template: { Resources: resources },
    ...stack,
  };
}

/** An assembly with these stacks. */
export function assemblyOf(directory: string, ...stacks: readonly AssemblyStack[]): Assembly {
  return { directory, stacks };
}

/** The review of one stack in two states. */
export function reviewOf(
  before: Resources,
  after: Resources,
  acknowledgements: readonly Acknowledgement[] = [],
): ChangeReview {
  return reviewChange(
    assemblyOf('base', stackOf(before)),
    assemblyOf('head', stackOf(after)),
    acknowledgements,
  );
}

/**
 * The findings of a topic as `severity path: message`, with the path relative to the stack and
 * references in angle brackets.
 */
export function messagesOf(topic: Finding['topic'], { findings }: ChangeReview): string[] {
  return findings
    .filter((finding) => finding.topic === topic)
    .map(({ severity, path, message }) => {
      const text = message.replace(/\$\{([^}]*)\}/g, '<$1>');
      return `${severity} ${path.replace('app/Data/', '')}: ${text}`;
    });
}

/** A resource of a type with these properties and attributes. */
export function resource(
  Type: string,
  Properties: Record<string, unknown> = {},
  rest: Partial<TemplateResource> = {},
): TemplateResource {
  return { Type, Properties, ...rest };
}
