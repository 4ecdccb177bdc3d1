package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

func TestEveryKindHasAStatus(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := catalogue.Printer("en")
	seen := map[int]fault.Kind{}
	for _, k := range fault.Kinds() {
		code, ok := statusOf[k]
		if !ok || !slices.Contains(errorPages, code) {
			t.Errorf("%v has status %d, which has no page", k, code)
		}
		if other, twice := seen[code]; twice {
			t.Errorf("%v and %v share status %d", k, other, code)
		}
		seen[code] = k
	}
	for _, code := range errorPages {
		for _, part := range []string{"title", "text", "safe", "do"} {
			if !p.Has(errorKey(code, part)) {
				t.Errorf("no words %s", errorKey(code, part))
			}
		}
	}
}

func TestStatusOfALargeBody(t *testing.T) {
	err := fault.As(fault.Invalid, &http.MaxBytesError{Limit: 1})
	if got := status(err); got != http.StatusRequestEntityTooLarge {
		t.Errorf("status = %d; want 413", got)
	}
}

func TestResolve(t *testing.T) {
	choices := []face.Choice{{Code: "CT_HEAD", Label: "CT head"}, {Code: "CT_HEADNECK", Label: "CT head and neck"}, {Code: "CT_CHEST", Label: "CT chest"}}
	for _, tt := range []struct {
		name, typed, want string
		ok                bool
	}{
		{"a code", "CT_CHEST", "CT_CHEST", true},
		{"a code in small letters", "ct_chest", "CT_CHEST", true},
		{"a name", "CT chest", "CT_CHEST", true},
		{"the beginning of one name", "ct c", "CT_CHEST", true},
		{"a whole name that begins another", "CT head", "CT_HEAD", true},
		{"the beginning of two", "CT h", "", false},
		{"nothing", "  ", "", true},
		{"something else", "toe", "", false},
	} {
		if got, ok := resolve(tt.typed, choices); got != tt.want || ok != tt.ok {
			t.Errorf("%s: resolve(%q) = %q, %v; want %q, %v", tt.name, tt.typed, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSortRows(t *testing.T) {
	row := func(id string, shape face.Shape, n int, median, level float64) DoseRow {
		r := DoseRow{ID: id, State: face.State{Shape: shape}, N: n, Median: median}
		if level > 0 {
			r.Level = &Level{Value: level}
		}
		return r
	}
	rows := []DoseRow{
		row("a", face.FilledDot, 30, 90, 100), row("b", face.ArrowRing, 20, 130, 100), row("c", face.LoneDot, 10, 500, 0),
		row("d", face.ArrowRing, 40, 300, 200), row("e", face.HalfDot, 50, 101, 100), row("f", face.Dash, 5, 400, 100),
	}
	rows[0].Notes = []face.State{{Code: "low_check"}}
	for _, tt := range []struct{ name, by, want string }{
		{"what wants attention first", "", "dbeafc"},
		{"by n", "n", "fcbade"},
		{"by n, turned", "-n", "edabcf"},
		{"by ratio: what is not compared has none", "ratio", "cfaebd"},
		{"a column nobody knows", "nope", "dbeafc"},
	} {
		all := slices.Clone(rows)
		if tt.by == "ratio" {
			slices.SortFunc(all, func(a, b DoseRow) int { return strings.Compare(a.ID, b.ID) })
		}
		sortRows(all, tt.by)
		got := ""
		for _, r := range all {
			got += r.ID
		}
		if got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c", "//evil.example", `/\evil.example`, "https://evil.example", "/\n/evil", "%2f%2fevil", "/a#b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, `/\`) || strings.ContainsAny(got, "\r\n") {
			t.Errorf("localPath(%q) = %q, which may lead elsewhere", s, got)
		}
	})
}
