package main

import (
	"testing"

	"radagora/connect"
	"radagora/lang"
)

// TestProblemsOfMessagesHaveTexts: the page says in each language what was wrong in a message.
func TestProblemsOfMessagesHaveTexts(t *testing.T) {
	t.Parallel()
	c, err := lang.Open()
	check(t, err)
	for _, l := range c.Languages() {
		for _, key := range connect.ProblemKeys() {
			c.Printer(l.Tag).T("messages.problem_" + key)
		}
	}
	if missing := c.Missing(); len(missing) > 0 {
		t.Error(missing)
	}
}
