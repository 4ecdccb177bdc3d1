package demo

import (
	"testing"
	"time"

	"radagora/content"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestYearUntil(t *testing.T) {
	s := yearUntil(time.Date(2026, 11, 21, 17, 30, 0, 0, time.FixedZone("", 3600)))
	if s.from != day("2025-11-22") || s.until != day("2026-11-22") {
		t.Errorf("the year is %v to %v", s.from, s.until)
	}
	if leap := yearUntil(day("2028-02-29")); leap.from != day("2027-03-02") && leap.from != day("2027-03-01") {
		t.Errorf("the year to a leap day begins on %v", leap.from)
	}
}

func TestQuarter(t *testing.T) {
	for _, c := range []struct {
		name, last, from, until string
		n                       int
	}{
		{"the last one that is over", "2026-11-21", "2026-07-01", "2026-10-01", 1},
		{"the one before", "2026-11-21", "2026-04-01", "2026-07-01", 2},
		{"over on the last day", "2026-09-30", "2026-07-01", "2026-10-01", 1},
		{"a day short", "2026-09-29", "2026-04-01", "2026-07-01", 1},
		{"across the year", "2026-02-10", "2025-07-01", "2025-10-01", 2},
	} {
		q := yearUntil(day(c.last)).quarter(c.n)
		if q.from != day(c.from) || q.until != day(c.until) {
			t.Errorf("%s: %v to %v; want %s to %s", c.name, q.from, q.until, c.from, c.until)
		}
	}
}

// maker1 returns the maker of the full year.
func maker1(t *testing.T) *maker {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := (&Year{Content: library, Seed: 1, Until: day("2026-11-21")}).maker()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestVisits holds the schedule against what a department can do.
func TestVisits(t *testing.T) {
	m := maker1(t)
	free, weekend, night := map[*room]time.Time{}, map[string]int{}, map[string]int{}
	var planned time.Time
	for v := range m.visits() {
		if v.planned.Before(planned) {
			t.Fatalf("%s is planned at %v, after one at %v", v.name, v.planned, planned)
		}
		planned = v.planned
		if v.start.Before(free[v.room]) || v.start.Before(v.planned) {
			t.Errorf("%s begins at %v; the room is free at %v", v.name, v.start, free[v.room])
		}
		free[v.room] = v.start.Add(time.Duration(v.what.minutes) * time.Minute)
		if d := v.planned.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend[v.room.profile]++
		}
		if v.planned.Hour() < 6 {
			night[v.room.profile]++
		}
	}
	if weekend["day"] > 0 || night["day"] > 0 {
		t.Errorf("rooms of the day work %d times on weekends, %d at night", weekend["day"], night["day"])
	}
	if weekend["acute"] == 0 || night["acute"] == 0 {
		t.Error("rooms of the emergency sleep")
	}
}

// TestPersons checks that a person stays the same and that ages fit the groups.
func TestPersons(t *testing.T) {
	m := maker1(t)
	names := map[string]bool{}
	for n := range 2000 {
		p := m.person("adult", n)
		if p != m.person("adult", n) {
			t.Fatal("a person changed")
		}
		if names[p.name] {
			t.Errorf("two persons have the name of number %d", n)
		}
		names[p.name] = true
		if age := p.age(m.span.from); age < "018Y" || age > "096Y" {
			t.Errorf("an adult is %s", age)
		}
		if p.weight < 30 || p.weight > 220 || p.height < 1.2 || p.height > 2.2 {
			t.Errorf("an adult of %.0f kg and %.2f m", p.weight, p.height)
		}
	}
	for n := range 200 {
		if age := m.person("child", n).age(m.span.until); age[3] == 'Y' && age > "016Y" {
			t.Errorf("a child is %s", age)
		}
		if m.person("woman", n).sex != "F" {
			t.Error("a man came to mammography")
		}
	}
}

func TestFixed(t *testing.T) {
	for _, c := range []struct {
		value  int64
		digits int
		want   string
	}{{1234, 2, "12.34"}, {5, 2, "0.05"}, {5, 0, "5"}, {123, 9, "0.000000123"}, {100, 2, "1.00"}} {
		if got := fixed(c.value, c.digits); got != c.want {
			t.Errorf("fixed(%d, %d) = %s; want %s", c.value, c.digits, got, c.want)
		}
	}
}
