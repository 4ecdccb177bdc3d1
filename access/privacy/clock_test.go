package privacy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access/privacy"
	"radagora/content"
	"radagora/fault"
)

// clocks returns the clocks of the program.
func clocks(t testing.TB) privacy.Clocks {
	t.Helper()
	lib, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&privacy.Desk{Content: lib}).Clocks("")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRequestLimits(t *testing.T) {
	c := clocks(t)
	for _, tc := range []struct{ name, received, due, extended string }{
		{"same day number", "2025-01-15", "2025-02-15", "2025-04-15"},
		{"last day of a shorter month", "2025-01-31", "2025-02-28", "2025-04-30"},
		{"leap year", "2024-01-31", "2024-02-29", "2024-04-30"},
		{"over the end of the year", "2025-11-30", "2025-12-30", "2026-02-28"},
		{"last day of a leap February", "2024-02-29", "2024-03-29", "2024-05-29"},
		{"last day of the year", "2025-12-31", "2026-01-31", "2026-03-31"},
	} {
		got, err := c.Request(tc.received)
		want := privacy.Limit{Due: tc.due, Notice: tc.due, Extended: tc.extended}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tc.name, err, diff)
		}
	}
	for _, bad := range []string{"", "2025-02-30", "31.01.2025", "2025-1-31", "0000-01-01"} {
		if _, err := c.Request(bad); fault.Of(err) != fault.Invalid {
			t.Errorf("Request(%q) = %v; want invalid", bad, err)
		}
	}
	if got, err := c.Refusal("2025-01-31"); err != nil || got != "2025-02-28" {
		t.Errorf("Refusal = %s, %v; want the last day of February", got, err)
	}
}

func TestBreachLimit(t *testing.T) {
	c := clocks(t)
	for _, tc := range []struct{ name, aware, due string }{
		{"summer time starts between", "2025-03-28T16:30:00+01:00", "2025-03-31T17:30:00+02:00"},
		{"through the holidays", "2025-12-23T09:00:00+01:00", "2025-12-26T09:00:00+01:00"},
		{"winter time starts between", "2025-10-25T10:00:00+02:00", "2025-10-28T09:00:00+01:00"},
	} {
		if got := c.Breach(instant(t, tc.aware)); !got.Equal(instant(t, tc.due)) {
			t.Errorf("%s: %v; want %s", tc.name, got, tc.due)
		}
	}
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestSharedDeadlines accepts the clocks against the shared sample.
func TestSharedDeadlines(t *testing.T) {
	var sample struct {
		Requests []struct{ Received, Due, Extended string }
		Breach   []struct{ Aware, Due string }
	}
	read(t, "sample_deadlines.json", &sample)
	c := clocks(t)
	if len(sample.Requests) != 4 || len(sample.Breach) != 2 {
		t.Fatalf("the sample has %d requests and %d breaches; want 4 and 2", len(sample.Requests), len(sample.Breach))
	}
	for _, r := range sample.Requests {
		got, err := c.Request(r.Received)
		if err != nil || got.Due != r.Due || got.Extended != r.Extended {
			t.Errorf("received %s: %+v, %v; want %s and %s", r.Received, got, err, r.Due, r.Extended)
		}
	}
	for _, b := range sample.Breach {
		if got := c.Breach(instant(t, b.Aware)); !got.Equal(instant(t, b.Due)) {
			t.Errorf("aware %s: %v; want %s", b.Aware, got, b.Due)
		}
	}
}

// read reads a shared file of facts about law.
func read(t *testing.T, file string, v any) {
	t.Helper()
	shared := os.Getenv("RADAGORA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	data, err := os.ReadFile(filepath.Join(shared, "facts", "law", file))
	if err != nil {
		t.Skip("shared facts not found: ", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}
