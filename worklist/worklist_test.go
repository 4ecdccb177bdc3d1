package worklist_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
	"radagora/worklist"
)

// A desk is a register with what it needs, and somebody who may write orders.
type desk struct {
	*worklist.Register
	t       testing.TB
	db      *db.DB
	journal *journal.Journal
	sites   *site.Register
	facts   *access.Facts
	ctx     context.Context // of a radiographer
	archive *shelf
	rules   *access.Rules

	mu   sync.Mutex
	at   time.Time
	keys map[string][]string
}

// A shelf stands for the archive.
type shelf struct {
	mu        sync.Mutex
	studies   map[string]worklist.Study
	instances map[string]bool
}

func (s *shelf) Study(_ context.Context, _, study string) (worklist.Study, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := s.studies[study]; ok {
		return x, nil
	}
	return worklist.Study{}, fault.Errorf(fault.NotFound, "no study %s", study)
}

func (s *shelf) Present(_ context.Context, _ string, uids []string) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range uids {
		if s.instances[u] {
			n++
		}
	}
	return n, nil
}

func (k *desk) now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

func (k *desk) wait(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = k.at.Add(d)
}

func newDesk(t testing.TB, d *db.DB) *desk {
	t.Helper()
	k := &desk{
		t: t, db: d, at: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), keys: map[string][]string{},
		archive: &shelf{studies: map[string]worklist.Study{}, instances: map[string]bool{}},
	}
	var err error
	k.journal, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: k.now, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond})
	k.check(err)
	k.check(d.Migrate(t.Context(), "access", access.Migrations()))
	k.facts = &access.Facts{DB: d, Journal: k.journal, Now: k.now}
	k.sites, err = site.Open(t.Context(), d, k.journal, k.now)
	k.check(err)
	s, err := k.sites.Site(t.Context(), site.Default)
	k.check(err)
	s.Timezone, s.Country, s.Name = "Europe/Berlin", "DE", "Test"
	k.check(k.sites.Change(t.Context(), "u1", s))
	k.Register, err = worklist.Open(t.Context(), k.config())
	k.check(err)
	k.ctx = as(t, access.Radiographer)
	return k
}

func (k *desk) config() worklist.Config {
	return worklist.Config{
		DB: k.db, Journal: k.journal, Sites: k.sites, Studies: k.archive, Person: archive.Person, Fold: archive.Fold,
		Keys: func(_ context.Context, _ db.Querier, _, person string) ([]string, error) {
			return append([]string{person}, k.keys[person]...), nil
		},
		Now: k.now, Random: rand.Reader,
	}
}

// as returns a context in which somebody with a role acts.
func as(t testing.TB, role access.Role) context.Context {
	t.Helper()
	rules := &access.Judge{Open: true}
	library, err := content.Open()
	if err == nil {
		rules.Rules, err = access.NewRules(library)
	}
	if err != nil {
		t.Fatal(err)
	}
	return access.WithJudge(access.With(t.Context(), access.Who{ID: "u-" + string(role), Grants: access.Everywhere(role)}), rules)
}

// peer returns a context in which a machine asks, which may query.
func (k *desk) peer(title string) context.Context {
	if k.rules == nil {
		library, err := content.Open()
		k.check(err)
		k.rules, err = access.NewRules(library)
		k.check(err)
	}
	facts := *k.facts
	facts.Peers = func(_ context.Context, id, _ string) bool { return id == "ae:"+title && title != "LIMITED" }
	who := access.Who{ID: "ae:" + title, Grants: access.Everywhere(access.Peer), Door: "dimse"}
	return access.WithJudge(access.With(k.t.Context(), who), &access.Judge{Rules: k.rules, Facts: &facts, Now: k.now})
}

func (k *desk) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// follow runs the journal and the consumer of the register.
func (k *desk) follow() {
	ctx, stop := context.WithCancel(k.t.Context())
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{k.journal.Run, k.Run} {
		go func() { ended <- run(ctx) }()
	}
	k.t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil && ctx.Err() == nil {
				k.t.Errorf("background: %v", err)
			}
		}
	})
}

// entries returns the journal's entries of a kind.
func (k *desk) entries(kind string) (all []journal.Entry) {
	k.t.Helper()
	for e, err := range k.journal.Entries(k.t.Context(), 0, kind) {
		k.check(err)
		all = append(all, e)
	}
	return all
}

// an order of somebody invented.
func sample() worklist.Order {
	return worklist.Order{
		Patient: worklist.Patient{
			ID: "4711", Issuer: "HOSPITAL", Name: "Müßig^Jörg^^Dr.", BirthDate: "1961-03-09", Sex: "M", WeightKG: 81.5, HeightM: 1.78,
			Allergies: []string{"Iodine", "Latex"}, Pregnancy: worklist.NotPregnant,
		},
		Accession: "A100", Description: "CT thorax", Reason: "Cough for six weeks", RequestingPhysician: "Referrer^Rosa", Priority: "ROUTINE",
		Code:  &worklist.Code{Value: "CT-TH", Scheme: "99LOCAL", Meaning: "CT thorax"},
		Steps: []worklist.Step{{Stations: []string{"CT1", "CT2"}, Modality: "CT", Start: "2026-11-22T09:30", Location: "Room 3", Contrast: "none"}},
	}
}

// create keeps an order, changed before as the caller likes.
func (k *desk) create(change ...func(*worklist.Order)) worklist.Order {
	k.t.Helper()
	o := sample()
	for _, c := range change {
		c(&o)
	}
	kept, _, err := k.Create(k.ctx, worklist.Request{Order: o, Origin: worklist.FromAPI})
	k.check(err)
	return kept
}

func TestCreate(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.create(func(o *worklist.Order) { o.Accession = "" })
		s := o.Steps[0]
		switch {
		case len(o.Accession) != 11 || o.ProcedureID != o.Accession:
			t.Errorf("accession %q, procedure %q; want numbers of its own", o.Accession, o.ProcedureID)
		case !strings.HasPrefix(o.Study, "2.25."):
			t.Errorf("study %q; want one of our own", o.Study)
		case s.Start != "2026-11-22T09:30:00" || !s.StartAt.Equal(time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)):
			t.Errorf("start %s, %s; want the time of the site", s.Start, s.StartAt)
		case s.ID == "" || s.State != worklist.Scheduled || o.Version != 1 || o.ChangedBy != "u-radiographer":
			t.Errorf("step %q %s version %d by %s", s.ID, s.State, o.Version, o.ChangedBy)
		}
		got, err := k.Get(k.ctx, site.Default, o.ID)
		k.check(err)
		if a, b := asJSON(t, got), asJSON(t, o); a != b {
			t.Errorf("read back\n%s\nwant\n%s", a, b)
		}
		zoned := k.create(func(o *worklist.Order) { o.Accession, o.Steps[0].Start = "A2", "2026-11-22T09:30:00Z" })
		if zoned.Steps[0].Start != "2026-11-22T10:30:00" {
			t.Errorf("start %s; want it brought to the time of the site", zoned.Steps[0].Start)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCreateRefuses(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	for _, c := range []struct {
		name   string
		change func(*worklist.Order)
		want   string // field: code
	}{
		{"no patient id", func(o *worklist.Order) { o.Patient.ID = " " }, "patient.id: missing"},
		{"no name", func(o *worklist.Order) { o.Patient.Name = "^^" }, "patient.name: missing"},
		{"a birth date that is none", func(o *worklist.Order) { o.Patient.BirthDate = "1961-02-30" }, "patient.birth_date: no_date"},
		{"a sex nobody knows", func(o *worklist.Order) { o.Patient.Sex = "X" }, "patient.sex: choice"},
		{"less than nothing", func(o *worklist.Order) { o.Patient.WeightKG = -1 }, "patient.weight_kg: number"},
		{"an accession number longer than SH", func(o *worklist.Order) { o.Accession = strings.Repeat("1", 17) }, "accession: unfit"},
		{"a backslash would make two values", func(o *worklist.Order) { o.Accession = `A\B` }, "accession: unfit"},
		{"a control character", func(o *worklist.Order) { o.Reason = "a\x00b" }, "reason: unfit"},
		{"no study UID", func(o *worklist.Order) { o.Study = "1.2.x" }, "study_uid: unfit"},
		{"not a word of what is to be done", func(o *worklist.Order) { o.Description, o.Code = "", nil }, "description: missing"},
		{"a priority of its own", func(o *worklist.Order) { o.Priority = "SOON" }, "priority: choice"},
		{"no step", func(o *worklist.Order) { o.Steps = nil }, "steps: missing"},
		{"no modality", func(o *worklist.Order) { o.Steps[0].Modality = "" }, "steps[0].modality: missing"},
		{"a modality in small letters", func(o *worklist.Order) { o.Steps[0].Modality = "computed tomography" }, "steps[0].modality: unfit"},
		{"no station", func(o *worklist.Order) { o.Steps[0].Stations = []string{" "} }, "steps[0].stations: missing"},
		{"a title longer than AE", func(o *worklist.Order) { o.Steps[0].Stations = []string{strings.Repeat("A", 17)} }, "steps[0].stations: unfit"},
		{"no start", func(o *worklist.Order) { o.Steps[0].Start = "" }, "steps[0].start: missing"},
		{"a start that is none", func(o *worklist.Order) { o.Steps[0].Start = "tomorrow" }, "steps[0].start: no_time"},
		{"a code without its scheme", func(o *worklist.Order) { o.Code.Scheme = "" }, "code: missing"},
		{"a code longer than SH", func(o *worklist.Order) { o.Code.Value = strings.Repeat("1", 17) }, "code: unfit"},
		{"more steps than are taken", func(o *worklist.Order) {
			for range 60 {
				o.Steps = append(o.Steps, o.Steps[0])
			}
		}, "steps: too_many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := sample()
			c.change(&o)
			_, _, err := k.Create(k.ctx, worklist.Request{Order: o})
			if fault.Of(err) != fault.Invalid || err.Error() != "order: "+c.want {
				t.Errorf("Create = %v; want invalid, %s", err, c.want)
			}
		})
	}
}

func TestCreateAgain(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		q := worklist.Request{Order: sample(), Key: "k1", Origin: worklist.FromAPI}
		first, again, err := k.Create(k.ctx, q)
		if err != nil || again {
			t.Fatalf("first: again %t, %v", again, err)
		}
		second, again, err := k.Create(k.ctx, q)
		if err != nil || !again || second.ID != first.ID {
			t.Errorf("the same request: again %t, %v; want the order that is there", again, err)
		}
		q.Order.Accession = "A101"
		if _, _, err := k.Create(k.ctx, q); fault.Of(err) != fault.Conflict {
			t.Errorf("the same key for another order: %v; want conflict", err)
		}
		if _, _, err := k.Create(k.ctx, worklist.Request{Order: sample()}); fault.Of(err) != fault.Conflict {
			t.Errorf("the same accession number and procedure: %v; want conflict", err)
		}
		if _, err := k.Cancel(k.ctx, site.Default, first.ID, 0, "ordered twice"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Create(k.ctx, worklist.Request{Order: sample()}); err != nil {
			t.Errorf("after the other was cancelled: %v; want it taken", err)
		}
	})
}

func TestChange(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.create(func(o *worklist.Order) {
			o.Steps = append(o.Steps, worklist.Step{Stations: []string{"MR1"}, Modality: "MR", Start: "2026-11-22T11:00"})
		})
		old := o
		o.Description = "CT thorax with contrast"
		o.Steps = o.Steps[:1] // the second is left out
		now, err := k.Change(k.ctx, o)
		k.check(err)
		if now.Version != 2 || len(now.Steps) != 2 || now.Steps[1].State != worklist.Cancelled {
			t.Errorf("version %d, %d steps; want 2 and the second step cancelled", now.Version, len(now.Steps))
		}
		if _, err := k.Change(k.ctx, old); fault.Of(err) != fault.Conflict {
			t.Errorf("an old version: %v; want conflict", err)
		}
		if same, err := k.Change(k.ctx, now); err != nil || same.Version != 2 {
			t.Errorf("nothing changed: version %d, %v; want 2", same.Version, err)
		}
		if _, err := k.SetStep(k.ctx, site.Default, o.ID, o.Steps[0].Key, worklist.Completed); err != nil {
			t.Fatal(err)
		}
		now.Accession = "A200"
		if _, err := k.Change(k.ctx, now); fault.Of(err) != fault.Invalid || len(worklist.Wrong(err)) != 1 {
			t.Errorf("the accession number of what was done: %v; want invalid, fixed", err)
		}
		k.check(k.seal())
		changed := k.entries("worklist.order.changed")
		if len(changed) != 1 || !strings.Contains(string(changed[0].Data), `"description"`) || strings.Contains(string(changed[0].Data), "contrast") {
			t.Errorf("journal: %d entries; want one that names the field and not its value", len(changed))
		}
	})
}

// seal has the journal seal what was written.
func (k *desk) seal() error {
	ctx, stop := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- k.journal.Run(ctx) }()
	for range 3000 {
		var open int
		if err := k.db.QueryRow(ctx, `select count(*) from journal_entry where seq is null`).Scan(&open); err != nil {
			return fmt.Errorf("unsealed: %w", err)
		}
		if open == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	return <-ended
}

func TestCancel(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.create()
		if _, err := k.Cancel(k.ctx, site.Default, o.ID, 7, ""); fault.Of(err) != fault.Conflict {
			t.Errorf("another version: %v; want conflict", err)
		}
		now, err := k.Cancel(k.ctx, site.Default, o.ID, 1, "patient did not come")
		k.check(err)
		if now.State != worklist.Cancelled || now.Steps[0].State != worklist.Cancelled {
			t.Errorf("order %s, step %s; want both cancelled", now.State, now.Steps[0].State)
		}
		if list := k.found(k.peer("CT1"), t, nil); len(list) != 0 {
			t.Errorf("the worklist has %d entries; want none", len(list))
		}
		if list, err := k.List(k.ctx, site.Default, worklist.Filter{}); err != nil || len(list) != 1 {
			t.Errorf("the page has %d entries, %v; want the history", len(list), err)
		}
		if again, err := k.Cancel(k.ctx, site.Default, o.ID, 0, ""); err != nil || again.Version != now.Version {
			t.Errorf("again: version %d, %v; want nothing to change", again.Version, err)
		}
		if _, err := k.Change(k.ctx, now); fault.Of(err) != fault.Conflict {
			t.Errorf("changing what is cancelled: %v; want conflict", err)
		}
	})
}

func TestRights(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	for _, c := range []struct {
		name         string
		ctx          context.Context
		find, change bool
	}{
		{"radiographer", k.ctx, true, true},
		{"physicist", as(t, access.Physicist), true, false},
		{"administrator", as(t, access.Administrator), false, false},
		{"researcher", as(t, access.Researcher), false, false},
		{"peer that may query", k.peer("CT1"), true, true},
		{"peer that may only send", k.peer("LIMITED"), false, false},
		{"nobody", t.Context(), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := k.Get(c.ctx, site.Default, o.ID)
			if (err == nil) != c.find {
				t.Errorf("Get = %v; want allowed %t", err, c.find)
			}
			_, err = k.SetStep(c.ctx, site.Default, o.ID, o.Steps[0].Key, worklist.Scheduled)
			if (err == nil) != c.change {
				t.Errorf("SetStep = %v; want allowed %t", err, c.change)
			}
		})
	}
}

func TestSetStep(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	step := o.Steps[0].Key
	for _, c := range []struct {
		to   worklist.State
		want fault.Kind
	}{
		{worklist.Arrived, 0},
		{worklist.InProgress, fault.Conflict},
		{worklist.Discontinued, 0},
		{worklist.Completed, fault.Conflict},
		{worklist.Scheduled, 0},
		{worklist.Cancelled, fault.Conflict},
	} {
		_, err := k.SetStep(k.ctx, site.Default, o.ID, step, c.to)
		if (err == nil) != (c.want == 0) || err != nil && fault.Of(err) != c.want {
			t.Errorf("to %s: %v; want %v", c.to, err, c.want)
		}
	}
	if _, err := k.SetStep(k.ctx, site.Default, o.ID, "other", worklist.Arrived); fault.Of(err) != fault.NotFound {
		t.Errorf("a step of another order: %v; want not found", err)
	}
}

// What is printed or logged by accident shows nobody.
func TestHidden(t *testing.T) {
	o := sample()
	for _, v := range []any{o, &o, o.Patient, o.Steps[0], worklist.Entry{Order: o}, []worklist.Order{o}, worklist.Study{Person: "4711"}} {
		for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "4711") || strings.Contains(s, "ßig") {
				t.Errorf("%s of %T shows a patient", verb, v)
			}
		}
	}
}

func TestNameless(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	c := k.config()
	c.Nameless = true
	r, err := worklist.Open(t.Context(), c)
	k.check(err)
	if _, _, err := r.Create(k.ctx, worklist.Request{Order: sample()}); fault.Of(err) != fault.Unsupported {
		t.Errorf("Create = %v; want unsupported", err)
	}
}
