"""The look of the verdict's page. Buildbot puts it into its own page, light or dark: nothing here may reach outside."""

from __future__ import annotations

_RULES = """
{background:#f4f6f8;color:#24292f;font:14px/1.45 'Segoe UI',Helvetica,Arial,sans-serif;padding:16px;border-radius:6px}
*{box-sizing:border-box}
main{max-width:1280px;margin:0 auto}
header,section{background:#fff;border:1px solid #dce1e6;border-radius:6px;padding:14px 18px;margin:0 0 12px}
header{border-left:6px solid #c62828}
header.ok{border-left-color:#2e7d32}
header.unknown{border-left-color:#8a6d00}
h1{font-size:19px;line-height:1.35;font-weight:600;margin:8px 0 0;overflow-wrap:anywhere;color:inherit}
h2{font-size:15px;font-weight:600;margin:0 0 8px;color:inherit}
h2 small{font-weight:400;color:#57606a;font-size:13px}
p{margin:0}
.chip{display:inline-block;border-radius:10px;padding:1px 10px;margin-right:6px;font-size:12.5px;background:#e8ecf0}
.chip.kind{background:#c62828;color:#fff;font-weight:600}
.ok .chip.kind{background:#2e7d32}
.unknown .chip.kind{background:#8a6d00}
dl{display:flex;flex-wrap:wrap;gap:8px 28px;margin:12px 0 0}
dt{color:#57606a;font-size:12.5px;font-weight:400}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
section dl{margin:0}
section dd{font-weight:400}
section dl+table{margin-top:12px}
ol{margin:0;padding-left:22px}
ol li{margin:0 0 8px;overflow-wrap:anywhere}
ol li:first-child b{color:#1b5e20}
li small,td small{color:#57606a;font-size:13px;display:block}
table{border-collapse:collapse;width:100%;margin:0;color:inherit;background:none}
th{text-align:left;font-weight:600;font-size:12.5px;color:#57606a;border-bottom:2px solid #dce1e6}
th{padding:3px 12px 4px 0}
th.number{white-space:normal;min-width:64px}
td{vertical-align:top;border-top:1px solid #eaeef2;padding:4px 12px 4px 0;overflow-wrap:anywhere}
tr.failed td{background:#fdeceb}
td:first-child{padding-left:6px}
th:first-child{padding-left:6px}
.number{text-align:right;white-space:nowrap;overflow-wrap:normal}
.short{white-space:nowrap}
code,.quote{font:12.5px/1.45 ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
code{color:inherit;background:none;padding:0}
.quote{white-space:pre-wrap}
.bar{display:block;height:3px;border-radius:2px;background:#f4b66f;margin:2px 0 0 auto}
.failed .bar{background:#c62828}
svg{display:block;width:100%;height:auto}
section.picture{padding:8px 6px}
section.wide{overflow-x:auto}
"""


def _scoped() -> str:
    lines = [line for line in _RULES.splitlines() if line]
    scope = ".arm-ci-verdict"
    rules = []
    for line in lines:
        selectors, _, body = line.partition("{")
        names = [f"{scope} {name}" if name else scope for name in selectors.split(",")]
        rules.append(",".join(names) + "{" + body)
    return "\n".join(rules)


STYLE = _scoped()
