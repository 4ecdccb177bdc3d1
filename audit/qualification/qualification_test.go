package qualification_test

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/audit/qualification"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

const (
	house = site.Default
	boss  = "account-boss"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A desk is a register with what tests look at.
type desk struct {
	*qualification.Register
	findings *finding.Register
	journal  *journal.Journal
}

// today is the day on which these tests happen.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler), Now: today})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, today)
	check(t, err)
	findings, err := finding.Open(t.Context(), d, j, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "qualification", qualification.Migrations()))
	return &desk{&qualification.Register{
		DB: d, Journal: j, Findings: findings, Site: sites.Site, Now: today, Ahead: func(string) (int, error) { return 30, nil },
	}, findings, j}
}

// value is a fact as of now.
func (k *desk) value(t *testing.T, id string) evidence.Value {
	t.Helper()
	library, err := content.Open()
	check(t, err)
	r, err := evidence.Open(library, today)
	check(t, err)
	check(t, r.Register(k.Facts()...))
	v, err := r.Value(t.Context(), id, evidence.Query{Site: house})
	check(t, err)
	return v
}

// open are the findings about qualifications, by kind and state.
func (k *desk) open(t *testing.T) (all []string) {
	t.Helper()
	found, err := k.findings.List(t.Context(), finding.Filter{Site: house, States: []finding.State{finding.StateOpen}, Limit: 100})
	check(t, err)
	for _, f := range found {
		all = append(all, f.Subject.Quantity+" "+f.Code)
	}
	slices.Sort(all)
	return all
}

// TestPeople follows records of three people through evidence, findings and the rights of
// one of them.
func TestPeople(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := t.Context()
		if v := k.value(t, "teach.rp_training"); v.State != evidence.NotApplicable {
			t.Errorf("nobody is there, and the fact is %+v", v)
		}
		add := func(login, name, kind, from, until string) qualification.Record {
			t.Helper()
			x, err := k.Add(ctx, house, boss, login, qualification.Record{Account: login, Name: name, Kind: kind, From: from, Until: until})
			check(t, err)
			return x
		}
		add("ann", "LEAK^CANARY", qualification.Practitioner, "2020-01-01", "")
		add("ann", "LEAK^CANARY", qualification.Protection, "2024-01-01", "2028-12-31")
		add("ben", "Ben", qualification.Practitioner, "2020-01-01", "")
		old := add("ben", "Ben", qualification.Protection, "2020-01-01", "2026-11-21")
		add("", "Zoe", qualification.Expert, "2025-03-01", "2026-12-20")
		add("", "Zoe", qualification.Delegate, "2025-03-01", "")
		// Two practitioners, one of them trained; no delegate is trained.
		if v := k.value(t, "teach.rp_training"); v.Numerator != 1 || v.Denominator != 2 {
			t.Errorf("fact %+v", v)
		}
		if v := k.value(t, "teach.delegates_trained"); v.Numerator != 0 || v.Denominator != 1 {
			t.Errorf("fact %+v", v)
		}
		// Zoe has two functions and counts once.
		if v := k.value(t, "teach.cpd_valid"); v.Numerator != 0 || v.Denominator != 3 {
			t.Errorf("fact %+v", v)
		}
		if v := k.value(t, "content.mpe_appointed"); v.State != evidence.Known || v.Date != "2025-03-01" {
			t.Errorf("fact %+v", v)
		}
		if got := k.open(t); !slices.Equal(got, []string{"physics_expert soon", "protection_training expired"}) {
			t.Errorf("findings %v", got)
		}
		add("ben", "Ben", qualification.Protection, "2026-11-22", "2031-11-21")
		check(t, k.End(ctx, house, boss, old.ID))
		if err := k.End(ctx, house, boss, old.ID); fault.Of(err) != fault.Conflict {
			t.Errorf("ended twice: %v", err)
		}
		if v := k.value(t, "teach.rp_training"); v.Value != 1 {
			t.Errorf("fact %+v", v)
		}
		if got := k.open(t); !slices.Equal(got, []string{"physics_expert soon"}) {
			t.Errorf("findings %v", got)
		}
		zoe := access.Person{Site: house, ID: "staff|zoe"}
		persons, err := k.Persons(ctx, d)
		check(t, err)
		if len(persons) != 3 || persons[2] != zoe {
			t.Errorf("persons %v", persons)
		}
		n := 0
		for r, err := range k.Export(ctx, zoe) {
			check(t, err)
			var data struct{ Name string }
			check(t, json.Unmarshal(r.Data, &data))
			if n++; data.Name != "Zoe" {
				t.Errorf("exported %s", r.Data)
			}
		}
		if n != 2 {
			t.Errorf("%d records exported, want 2", n)
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error { return k.Restrict(ctx, tx, zoe, true) }))
		if v := k.value(t, "content.mpe_appointed"); v.State != evidence.Absent || len(k.open(t)) != 0 {
			t.Errorf("restricted, and the fact is %+v, findings %v", v, k.open(t))
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error { return k.Restrict(ctx, tx, zoe, false) }))
		if len(k.open(t)) != 1 {
			t.Errorf("shown again, and findings are %v", k.open(t))
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			n, err := k.Erase(ctx, tx, zoe)
			if n != 2 {
				t.Errorf("%d records erased, want 2", n)
			}
			return err
		}))
		for range k.Export(ctx, zoe) {
			t.Error("something is left")
		}
		if len(k.open(t)) != 0 {
			t.Errorf("findings are left: %v", k.open(t))
		}
		// A patient of the same number is nobody here.
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			n, err := k.Erase(ctx, tx, access.Person{Site: house, ID: "hospital|ann"})
			if n != 0 {
				t.Errorf("erased %d records of a patient", n)
			}
			return err
		}))
		for e, err := range k.journal.Find(ctx, journal.Filter{Site: house}) {
			check(t, err)
			if strings.Contains(string(e.Data)+e.Subject, "CANARY") || strings.Contains(strings.ToLower(string(e.Data)), "zoe") {
				t.Error("the journal says whose a record is")
			}
		}
	})
}

// TestTeam notes trainings of the whole team.
func TestTeam(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		if v := k.value(t, "teach.team_training"); v.State != evidence.Absent {
			t.Errorf("fact %+v", v)
		}
		for name, bad := range map[string]qualification.Training{
			"tomorrow":     {Day: "2026-11-23", Subject: "dose", Attended: 1, Invited: 1},
			"no day":       {Day: "soon", Subject: "dose", Attended: 1, Invited: 1},
			"no subject":   {Day: "2026-11-20", Attended: 1, Invited: 1},
			"nobody came":  {Day: "2026-11-20", Subject: "dose", Invited: 1},
			"more than is": {Day: "2026-11-20", Subject: "dose", Attended: 3, Invited: 2},
		} {
			if _, err := k.Trained(t.Context(), house, boss, bad); fault.Of(err) != fault.Invalid || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := k.Trained(t.Context(), house, boss, qualification.Training{Day: "2026-06-20", Subject: "dose", Attended: 12, Invited: 15})
		check(t, err)
		if v := k.value(t, "teach.team_training"); v.State != evidence.Known || v.Date != "2026-06-20" {
			t.Errorf("fact %+v", v)
		}
	})
}

// TestRecordRefused says what is wrong with what cannot be a record.
func TestRecordRefused(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		good := qualification.Record{Name: "Ann", Kind: qualification.Expert, From: "2026-01-01", Until: "2027-01-01"}
		for name, tt := range map[string]struct {
			change func(*qualification.Record)
			says   string
		}{
			"nobody":          {func(x *qualification.Record) { x.Name = "" }, "person:"},
			"an unknown kind": {func(x *qualification.Record) { x.Kind = "wizard" }, "kind:"},
			"no first day":    {func(x *qualification.Record) { x.From = "" }, "from:"},
			"an odd last day": {func(x *qualification.Record) { x.Until = "1.1.2027" }, "until:"},
			"backwards":       {func(x *qualification.Record) { x.Until = "2025-12-31" }, "is before"},
			"a long detail":   {func(x *qualification.Record) { x.Detail = strings.Repeat("a", 1001) }, "detail:"},
		} {
			x := good
			tt.change(&x)
			if _, err := k.Add(t.Context(), house, boss, "", x); fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want Invalid with %q", name, err, tt.says)
			}
		}
		_, err := k.Add(t.Context(), house, boss, "", good)
		check(t, err)
		if _, err := k.Add(t.Context(), house, boss, "", good); fault.Of(err) != fault.Conflict {
			t.Errorf("entered twice: %v", err)
		}
		if err := k.End(t.Context(), house, boss, "nothing"); fault.Of(err) != fault.NotFound {
			t.Errorf("ended what is not there: %v", err)
		}
	})
}
