package worklist_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
	"radagora/worklist"
)

// store has instances of a study arrive, as the archive says it.
func (k *desk) store(study string, s worklist.Study, n int) {
	k.t.Helper()
	k.archive.mu.Lock()
	had := k.archive.studies[study]
	s.Instances = had.Instances + int64(n)
	s.Person = archive.Person(s.Issuer, s.PatientID)
	k.archive.studies[study] = s
	for i := range n {
		k.archive.instances[fmt.Sprintf("%s.%d", study, had.Instances+int64(i))] = true
	}
	k.archive.mu.Unlock()
	data, err := json.Marshal(map[string]any{"study": study, "calling_ae": "CT1"})
	k.check(err)
	k.check(k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		for i := range n {
			err := k.journal.Append(k.t.Context(), tx, journal.Entry{
				Site: site.Default, At: k.now(), Actor: "ae:CT1", Kind: "archive.instance.stored",
				Subject: fmt.Sprintf("%s.%d", study, had.Instances+int64(i)), Data: data,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// settle waits until the consumer has read everything and settles.
func (k *desk) settle() {
	k.t.Helper()
	k.check(k.journal.Wait(k.t.Context(), worklist.Consumer))
	k.check(k.Settle(k.t.Context()))
	k.check(k.journal.Wait(k.t.Context(), worklist.Consumer)) // what settling wrote is sealed
}

// study returns what is known of a study.
func (k *desk) study(uid string) worklist.StudyState {
	k.t.Helper()
	list, err := k.StudyStates(k.ctx, site.Default, worklist.StudyFilter{Study: uid})
	k.check(err)
	if len(list) != 1 {
		k.t.Fatalf("%d studies; want 1", len(list))
	}
	return list[0]
}

// taken is a study of the patient of sample.
func taken() worklist.Study {
	return worklist.Study{PatientID: "4711", Issuer: "HOSPITAL", Date: "20261122", Time: "094000", Modalities: []string{"CT"}, Series: 1}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		study  func(o *worklist.Order, s *worklist.Study) string // returns the study UID
		more   func(k *desk)
		match  worklist.Match
		reason string
	}{
		{"accession number and patient", func(_ *worklist.Order, s *worklist.Study) string { s.Accession = "A100"; return "1.2.3" }, nil, worklist.Matched, worklist.ByAccession},
		{"the patient without an issuer", func(_ *worklist.Order, s *worklist.Study) string { s.Accession, s.Issuer = "A100", ""; return "1.2.3" }, nil, worklist.Matched, worklist.ByAccession},
		{"the same number of another issuer", func(_ *worklist.Order, s *worklist.Study) string {
			s.Accession, s.Issuer = "A100", "OTHER"
			return "1.2.3"
		}, nil, worklist.Suspected, worklist.OtherPatient},
		{"an identifier that people linked", func(_ *worklist.Order, s *worklist.Study) string {
			s.Accession, s.PatientID = "A100", "0815"
			return "1.2.3"
		}, func(k *desk) { k.keys["HOSPITAL|0815"] = []string{"HOSPITAL|4711"} }, worklist.Matched, worklist.ByAccession},
		{"the study UID of the order", func(o *worklist.Order, _ *worklist.Study) string { return o.Study }, nil, worklist.Matched, worklist.ByStudy},
		{"another patient under the study UID", func(o *worklist.Order, s *worklist.Study) string { s.PatientID = "0815"; return o.Study }, nil, worklist.Suspected, worklist.OtherPatient},
		{"another patient under the accession number", func(_ *worklist.Order, s *worklist.Study) string {
			s.Accession, s.PatientID = "A100", "0815"
			return "1.2.3"
		}, nil, worklist.Suspected, worklist.OtherPatient},
		{"patient, modality and hour", func(*worklist.Order, *worklist.Study) string { return "1.2.3" }, nil, worklist.Suspected, worklist.NearInTime},
		{"another modality", func(_ *worklist.Order, s *worklist.Study) string { s.Modalities = []string{"MR"}; return "1.2.3" }, nil, worklist.Unmatched, worklist.NoOrder},
		{"another day", func(_ *worklist.Order, s *worklist.Study) string { s.Date = "20261124"; return "1.2.3" }, nil, worklist.Unmatched, worklist.NoOrder},
		{"no time at all", func(_ *worklist.Order, s *worklist.Study) string { s.Date, s.Time = "", ""; return "1.2.3" }, nil, worklist.Unmatched, worklist.NoOrder},
		{"nobody", func(_ *worklist.Order, s *worklist.Study) string { s.PatientID = ""; return "1.2.3" }, nil, worklist.Unmatched, worklist.NoPatient},
		{"two procedures under one number: by modality", func(_ *worklist.Order, s *worklist.Study) string {
			s.Accession = "A100"
			return "1.2.3"
		}, func(k *desk) {
			k.create(func(o *worklist.Order) { o.ProcedureID, o.Steps[0].Modality = "P2", "MR" })
		}, worklist.Matched, worklist.ByAccession},
		{"two procedures under one number: nobody can say", func(_ *worklist.Order, s *worklist.Study) string {
			s.Accession = "A100"
			return "1.2.3"
		}, func(k *desk) { k.create(func(o *worklist.Order) { o.ProcedureID = "P2" }) }, worklist.Suspected, worklist.SeveralOrders},
		{"a cancelled order", func(_ *worklist.Order, s *worklist.Study) string { s.Accession = "A200"; return "1.2.3" }, func(k *desk) {
			o := k.create(func(o *worklist.Order) { o.Accession = "A200" })
			_, err := k.Cancel(k.ctx, site.Default, o.ID, 0, "")
			k.check(err)
		}, worklist.Suspected, worklist.CancelledOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.follow()
			o := k.create()
			if c.more != nil {
				c.more(k)
			}
			s := taken()
			uid := c.study(&o, &s)
			k.store(uid, s, 1)
			k.settle()
			if got := k.study(uid); got.Match != c.match || got.Reason != c.reason {
				t.Errorf("%s by %s; want %s by %s", got.Match, got.Reason, c.match, c.reason)
			}
		})
	}
}

// The same end, in whatever order an order and its images arrive; people overrule.
func TestMatchLater(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		s := taken()
		s.Accession = "A100"
		k.store("1.2.3", s, 2)
		k.settle()
		if got := k.study("1.2.3"); got.Match != worklist.Unmatched || got.Instances != 2 {
			t.Errorf("%s, %d instances; want unmatched and 2", got.Match, got.Instances)
		}
		o := k.create()
		k.settle()
		if got := k.study("1.2.3"); got.Match != worklist.Matched || got.Order != o.ID {
			t.Errorf("%s to %q; want matched when the order came", got.Match, got.Order)
		}
		k.check(k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.2.3", Reason: "a test image"}))
		k.settle()
		if got := k.study("1.2.3"); got.Match != worklist.Unmatched || got.Reason != worklist.ByPerson || got.DecidedBy != "u-radiographer" || got.DecidedNote != "a test image" {
			t.Errorf("%s by %s, decided by %q; want what somebody decided", got.Match, got.Reason, got.DecidedBy)
		}
		k.check(k.Rebuild(t.Context()))
		k.settle()
		if got := k.study("1.2.3"); got.Match != worklist.Unmatched || got.Reason != worklist.ByPerson || got.Instances != 2 {
			t.Errorf("after a rebuild: %s by %s, %d instances; want the decision to stand", got.Match, got.Reason, got.Instances)
		}
		k.check(k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.2.3", Undo: true}))
		k.settle()
		if got := k.study("1.2.3"); got.Match != worklist.Matched {
			t.Errorf("%s after it was undone; want matched", got.Match)
		}
		if err := k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.2.3", Order: "nobody's"}); fault.Of(err) != fault.NotFound {
			t.Errorf("to an order there is not: %v; want not found", err)
		}
		if err := k.Decide(as(t, access.Physicist), site.Default, worklist.Decision{Study: "1.2.3"}); fault.Of(err) != fault.Forbidden {
			t.Errorf("a physicist decides: %v; want forbidden", err)
		}
	})
}

func (k *desk) settings(change func(*worklist.Setting)) {
	k.t.Helper()
	set, err := k.Setting(k.t.Context(), site.Default, "")
	k.check(err)
	change(&set)
	k.check(k.SetSetting(as(k.t, access.Administrator), site.Default, "", set))
}

// announced returns the journal's entries about complete and changed studies.
func (k *desk) announced() (all []string) {
	k.t.Helper()
	for e, err := range k.journal.Entries(k.t.Context(), 0, worklist.KindComplete, worklist.KindChanged) {
		k.check(err)
		var d struct {
			Reason              string
			Instances, Expected int64
		}
		k.check(json.Unmarshal(e.Data, &d))
		all = append(all, fmt.Sprintf("%s %s %d/%d", e.Kind[len("worklist.study."):], d.Reason, d.Instances, d.Expected))
	}
	return all
}

func (k *desk) want(what string, want ...string) {
	k.t.Helper()
	k.settle()
	if got := k.announced(); fmt.Sprint(got) != fmt.Sprint(want) {
		k.t.Errorf("%s: announced %q; want %q", what, got, want)
	}
}

func TestCompleteQuiet(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		k.store("1.2.3", taken(), 3)
		k.want("while it arrives")
		k.wait(299 * time.Second)
		k.store("1.2.3", taken(), 1)
		k.settle()
		k.wait(299 * time.Second)
		k.want("not quiet for long enough")
		k.wait(time.Second)
		k.want("quiet", "complete quiet 4/0")
		k.wait(time.Hour)
		k.want("said once", "complete quiet 4/0")
		k.store("1.2.3", taken(), 1)
		k.want("a late image", "complete quiet 4/0", "changed  5/0")
		k.store("1.2.3", taken(), 1)
		k.want("another", "complete quiet 4/0", "changed  5/0")
		k.wait(time.Hour)
		k.want("quiet again", "complete quiet 4/0", "changed  5/0", "complete quiet 6/0")
		if got := k.study("1.2.3").Complete; got.Times != 2 || got.Instances != 6 || got.State != worklist.AnnouncedComplete {
			t.Errorf("complete %d times with %d, %s; want 2, 6", got.Times, got.Instances, got.State)
		}
		k.check(k.Rebuild(t.Context()))
		k.settle()
		k.wait(time.Hour)
		k.want("after a rebuild", "complete quiet 4/0", "changed  5/0", "complete quiet 6/0")
	})
}

func TestCompletePerformed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		o := k.create()
		_, err := k.begin(step1, begun(&o))
		k.check(err)
		k.store(o.Study, taken(), 2)
		k.want("in progress")
		_, err = k.set(step1, ended("COMPLETED", o.Study+".0", o.Study+".1", o.Study+".2"))
		k.check(err)
		k.want("one is missing")
		k.store(o.Study, taken(), 1)
		k.want("all are here", "complete performed 3/3")
	})
}

func TestCompleteWhenDone(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.follow()
	o := k.create()
	_, err := k.begin(step1, begun(&o))
	k.check(err)
	k.store(o.Study, taken(), 2)
	k.settle()
	_, err = k.set(step1, ended("COMPLETED")) // tells of no instance
	k.check(err)
	k.wait(59 * time.Second)
	k.want("the machine is done")
	k.wait(time.Second)
	k.want("and it was quiet for a little while", "complete quiet 2/0")
}

func TestCompleteExpected(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		k.settings(func(s *worklist.Setting) { s.QuietSeconds = 3600 })
		o := k.create(func(o *worklist.Order) { o.Expected = 4 })
		k.store(o.Study, taken(), 3)
		k.want("one is missing")
		k.store(o.Study, taken(), 1)
		k.want("as many as were expected", "complete expected 4/4")
	})
}

func TestHold(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		o, other := k.create(), k.create(func(o *worklist.Order) { o.Accession, o.Patient.ID = "A2", "0815" })
		b := begun(&o).Text(0x00100021, "HOSPITAL")
		_, err := k.begin(step1, b)
		k.check(err)
		k.store(o.Study, taken(), 1)
		k.settle()
		k.wait(time.Hour)
		k.settle()
		p := access.Person{Site: site.Default, ID: o.Person}
		kinds := map[string]int{}
		for r, err := range k.Export(t.Context(), p) {
			k.check(err)
			kinds[r.Kind]++
			if !json.Valid(r.Data) {
				t.Errorf("%s is no JSON", r.Kind)
			}
		}
		if fmt.Sprint(kinds) != "map[message:1 order:1 performed step:1 study:1]" {
			t.Errorf("exported %v", kinds)
		}
		if all, err := k.Persons(t.Context(), d); err != nil || len(all) != 2 {
			t.Errorf("%d persons, %v; want 2", len(all), err)
		}
		k.check(d.Write(t.Context(), func(tx *db.Tx) error { _, err := k.Erase(t.Context(), tx, p); return err }))
		for _, table := range []string{"worklist_performed", "worklist_performed_message", "worklist_performed_step", "worklist_study", "worklist_announced"} {
			var n int
			k.check(d.QueryRow(t.Context(), `select count(*) from `+table).Scan(&n))
			if n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		if list, err := k.List(k.ctx, site.Default, worklist.Filter{}); err != nil || len(list) != 1 || list[0].Order.ID != other.ID {
			t.Errorf("%d entries are left, %v; want that of the other person", len(list), err)
		}
	})
}
