"""The judgement: from a report, a build log and a kernel log to a verdict. Pure; streaming where input is large."""
