/** The style sheet of the report, and a policy that forbids loading and running anything else. */
import { createHash } from 'node:crypto';

const LIGHT = `--paper:#fff;--raised:#f5f6f8;--ink:#1b1f27;--quiet:#5a6472;--rule:#d9dde3;--hit:#1768ac;--hit-soft:#9cc4e6;
--good:#0b6b3a;--good-paper:#e8f5ed;--bad:#a8101f;--bad-paper:#fdecee;--p50:#1768ac;--p95:#a65a00;--p99:#a8101f;
--first-seen:#1768ac;--expired:#b36b00;--evicted:#c0392b;--invalidated:#7d4fb0;--varied:#16837a;--uncacheable:#7b8491;`;

const DARK = `--paper:#12151a;--raised:#1c2128;--ink:#e8ebf0;--quiet:#a0a9b6;--rule:#343b46;--hit:#5aa9e6;--hit-soft:#2b5478;
--good:#6fd39b;--good-paper:#12291d;--bad:#ff8a93;--bad-paper:#341519;--p50:#5aa9e6;--p95:#f0a54a;--p99:#ff8a93;
--first-seen:#5aa9e6;--expired:#f0a54a;--evicted:#f2796d;--invalidated:#b794e6;--varied:#4cc3b8;--uncacheable:#99a2af;`;

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 32px 64px;max-width:1280px;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
h1{font-size:30px;line-height:1.2;margin:8px 0}
h2{font-size:21px;margin:0 0 12px}
h3{font-size:16px;margin:0}
header{border-bottom:3px solid var(--hit);padding-bottom:8px}
header p{margin:6px 0;color:var(--quiet)}
header .verdict{color:var(--ink);font-size:18px;font-weight:600}
section{margin:36px 0}
p{max-width:76ch}
code{font:0.9em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;direction:ltr;unicode-bidi:isolate}
small,.note,figcaption,.key{color:var(--quiet);font-size:14px}
.tiles,.cards{display:grid;gap:12px;margin:0;padding:0;list-style:none;grid-template-columns:repeat(3,1fr)}
.tiles div,.card{background:var(--raised);border-radius:10px;padding:14px 16px}
.tiles dt{color:var(--quiet);font-size:14px}
.tiles dd{margin:0}
.tiles span{display:block}
.figure{font-size:22px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums;margin:2px 0}
.cards{grid-template-columns:repeat(auto-fit,minmax(260px,1fr))}
.card{border-left:6px solid}
.card p{margin:4px 0}
.card .verdict{font-weight:700}
.pass{background:var(--good-paper);border-color:var(--good)}
.pass .verdict{color:var(--good)}
.fail{background:var(--bad-paper);border-color:var(--bad)}
.fail .verdict,.danger h2{color:var(--bad)}
.danger{background:var(--bad-paper);border:2px solid var(--bad);border-radius:10px;padding:18px 20px}
.danger li{margin:8px 0}
.danger ol{padding-left:24px}
.danger ul{padding-left:18px}
figure{margin:0 0 28px}
figcaption{margin-bottom:8px}
figcaption strong{display:block;color:var(--ink);font-size:16px}
figure svg{overflow:visible;display:block;width:100%;height:auto;font-family:inherit}
.narrow{display:none}
.ceiling{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0}
.ceiling dd{margin:0;font-weight:650;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;margin:0 0 16px;font-size:13px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding-bottom:6px}
th,td{padding:7px 8px;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule);overflow-wrap:break-word}
thead th{border-bottom-width:2px;font-weight:600}
th.words,td.words,th:first-child{text-align:left}
tbody th{font-weight:500}
.meter{display:block;width:100%;min-width:64px;height:4px;margin-top:4px}
.track{fill:var(--rule)}.high{fill:var(--hit-soft)}.low{fill:var(--hit)}
.advice{display:block;min-width:220px;max-width:420px}
details{margin:8px 0 20px}
summary{cursor:pointer;padding:8px 0;color:var(--hit);font-weight:600}
@media (max-width:760px){
body{padding:16px 20px 48px}
h1{font-size:24px}
section{margin:28px 0}
.wide{display:none}.narrow{display:block}
.tiles{grid-template-columns:1fr 1fr}
.tiles div{padding:12px}
.figure{font-size:19px}
.cards{grid-template-columns:1fr}
.danger{padding:14px}
table,tbody,caption{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{display:grid;grid-template-columns:1fr 1fr;gap:2px 12px;padding:10px 0;border-bottom:1px solid var(--rule)}
th,td,td.number{border:0;padding:3px 0;text-align:left}
tr th{grid-column:1/-1;font-weight:650}
td::before{content:attr(data-label);display:block;color:var(--quiet);font-size:12px}
td:has(.advice){grid-column:1/-1}
.advice{min-width:0}
}
@media print{
:root{color-scheme:light;${LIGHT}}
body{max-width:none;padding:0;font-size:11pt}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
figure,.card,.tiles div,tr{break-inside:avoid}
h2,h3,figcaption,caption{break-after:avoid}
table{font-size:8pt}
th,td{padding:4px}
details::details-content{content-visibility:visible;height:auto}
}
`;

/**
 * Nothing may be loaded, run, framed or sent. Only this style sheet applies, by its hash: "Content
 * Security Policy Level 3", W3C. The empty icon of the page keeps browsers from requesting one.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
