/** The agent of Systems Manager on an instance of a ConnectionPooler. */

/** Who signs a package. */
export interface Signer {
  /** The fingerprint of the primary key, 40 hexadecimal digits in upper case. */
  readonly fingerprint: string;
  /** The public key as GnuPG exports it without armor, in base64. */
  readonly key: string;
}

/**
 * AWS's key for the agent's packages, valid until November 25, 2027: "Verifying the signature of SSM
 * Agent", Systems Manager user guide. AWS's own aws/amazon-ecs-ami (files/amazon-ssm-agent.gpg) and
 * aws/eks-hybrid (internal/ssm/source.go) pin the same key.
 */
export const AGENT_SIGNER: Signer = {
  fingerprint: '1C5B395CBE5E74E2F1CA21592784DBF388D19D46',
  key: `
mQINBGohhG8BEACxNOk7TM1ywHjW0qrSyH9npRDUjpWAyCD8L1Yu7nLnxwEBtUOkHgQIo1scTWuwogaBZpAzg22A
25AloOrhX8BGTokh71Xm3LbQT8dDQUDT7WRTl4R5p7786TN79p4DqD3/JyzjiD/keTYyhplBWdyk5BEcqlyVj9Pf
/1O6CrOJgGD1oGYK7lRqMtmXlf86/mKveWvjJTPAF26dkDJZecnrheyEA99XlONm8zAlK6h09JThHBmWMgDPXDSs
VeEyXilPUJFhZJ2HXVG2tS9ioVM309tMX6B3W5woT7w8SA6uV2Pf0jMmoYmMuCmQMU8/7/vOLQSJm+6Wui5dZywA
rqtOqXcSledRf7xhmug3Qa5maqY2TtcnXqTaH3WaBLtJZYqDJcsUH99AXqdQkozsCHHL2NmxRiShyLCX4VBKzH8j
5kDNGeSLuiICbj1Tufh7LDuIwdOQnX9gvB6j/SF3YVqJl4DAjCs4ODYpwm+36RZjQkbwELzXzXnDoNgjR5tXCiNd
xJLuzemQy7FcDc90fEbpDX03rN7iceavBmZbZ5Tlu53fgpzdkflD8OwfjnYa9AXh2zweC1G0ut2QU+cZcoOq5/QP
tQELNqvgpAUsQtkCECTerz8SugriZD4Tnd4FJUgoqX+/iwCWesyWjGkotxi7aJluLtz+znNT9SgeMCoJmQARAQAB
tCdTU00gQWdlbnQgPHNzbS1hZ2VudC1zaWduZXJAYW1hem9uLmNvbT6JAj8EEwECACkFAmohhG8CGy8FCQLGmIAH
CwkIBwMCAQYVCAIJCgsEFgIDAQIeAQIXgAAKCRAnhNvziNGdRnXVD/9bP0IX6aU+qur66fTWs8RLDs//6Vx93e8l
H6p4W+RxL+wW7Ajc/REB7PPgc5ohW80/LwxHP2g8cZiSK7fp9cRbXODqiVYl4mAWQNfxfGcWpBxcEsyoUGF6oRji
ibL1BcJLFJgVZ/H4pT0xNEDJNIJpRn7ZVXm0vrVVVUh4a4WFXUkspRXmq37eIMm76p969L5SNjY+F8Ld6hjmRiRo
pg4f/+lf/+e6R+fofSOVE3Ip/YpPH1DRplwQJrMk1XFjm+JTsdtqMTIKv38j7HANmUgDGLsuQNn8048n6ve8koVZ
LSrv9FAielSNsSIurLEpkLM0QPOFviagK7zB/d/zScpGquBU9dPFOoTq/sNFhnZr+PA7MAekr4WOP8kasS3LWGn/
rqqIOw/PDm2mmUaIwm4XenOe8lJFKUGp6ssUOj4PIQKwGaL/S2xTex25ZaNQaKXv2JUmriGycpCjIaniEHz60bBN
1kSgO0m0a5Yg3X9Qw+ezt51oPi6H6NdE0IwNzNcbJI2UvphwR9L92Br/J9ElYbHRdgmz26SZeRNTht/+zKPxk4iD
YibpQ804cPfA0mJBODwzqL5BBfVJ0/rLtQ2ymuHaqKbKEc0KuJ6vWMoH9qlMBlv5YiZeUw5Ls2uuaxhKTUYrCE4L
uUlAtNW63+/TP+ciBg1bq5H5aBn5tSCYVw==
`.trim(),
};

/**
 * Commands that install the agent, which Debian's image lacks: "Manually installing SSM Agent on
 * Debian Server instances", Systems Manager user guide. They need `gpgv`.
 *
 * The package is installed only if `signer` signed it. Otherwise the commands print a warning and
 * succeed: without the agent there is no Session Manager, but the pooler works. For the same reason
 * the two downloads end after four minutes at most.
 */
export function sessionAgent(
  region: string,
  architecture: 'arm64' | 'amd64',
  signer = AGENT_SIGNER,
): string[] {
  const url =
    `https://s3.${region}.amazonaws.com/amazon-ssm-${region}/latest/` +
    `debian_${architecture}/amazon-ssm-agent.deb`;
  return [
    'agent=$(mktemp --directory)',
    `base64 --decode > "$agent/signer.gpg" <<'END_OF_KEY'`,
    signer.key,
    'END_OF_KEY',
    // A key past its date still proves who signed, so that date alone takes no agent away. Any
    // other doubt, and any further signature that gpgv cannot verify, keeps the package out.
    'if curl --silent --show-error --fail --fail-early --connect-timeout 10 --max-time 60 ' +
      `--retry 3 --retry-max-time 60 --output "$agent/agent.deb" ${url} ` +
      `--output "$agent/agent.deb.sig" ${url}.sig &&`,
    '  gpgv --keyring "$agent/signer.gpg" --status-fd 1 "$agent/agent.deb.sig" ' +
      '"$agent/agent.deb" > "$agent/status" &&',
    '  grep --quiet --extended-regexp "^\\[GNUPG:\\] (GOODSIG|EXPKEYSIG) " "$agent/status" &&',
    `  grep --quiet "^\\[GNUPG:\\] VALIDSIG .* ${signer.fingerprint}$" "$agent/status"`,
    'then dpkg --install "$agent/agent.deb" || ' +
      'echo "WARNING: dpkg failed to install the agent. Session Manager does not work here."',
    'else echo "WARNING: the Systems Manager agent is NOT installed: its package was not ' +
      'downloaded, or is not signed by the key of AWS known here. Session Manager does not work ' +
      'here."; fi',
    'rm --recursive "$agent"',
  ];
}
