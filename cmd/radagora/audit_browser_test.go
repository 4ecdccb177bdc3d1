package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// TestAuditInBrowser leads an audit from its template to the closed re-audit in a real
// browser: test/browser/audit.test.mjs has the story, this starts the demonstration for it.
//
// By hand, from the log of Radiography 1 in the small year that ends on 21 November 2026,
// each line an exposure: accepted on 25 September twice, 30 September twice, 13 October
// twice, 14 October, 21 October twice, and one rejected on 21 October, so 1 of 10, 10 %,
// more than 8 %. Then accepted on 4 November, 5 November twice, 8 November twice,
// 12 November, so 0 of 6.
func TestAuditInBrowser(t *testing.T) {
	slow(t)
	t.Parallel()
	node, dir := browserTools(t)
	days, err := json.Marshal(map[string]any{
		"room": "Radiography 1", "from": "2026-09-25", "until": "2026-10-21", "before": []string{"not met", "1", "10"},
		"againFrom": "2026-10-22", "againUntil": "2026-11-21", "after": []string{"met", "0", "6"},
	})
	check(t, err)
	run := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "audit.test.mjs")
	run.Dir = dir
	run.Env = append(os.Environ(), "RADAGORA_AUDIT_URL="+demoPages(t), "RADAGORA_AUDIT_DAYS="+string(days))
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
