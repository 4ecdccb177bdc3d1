package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
)

const site = "default"

// kept is what the exchange passes on: two series, of CT images and of a report.
type kept struct {
	n     int
	notes func() []archive.Note
}

var (
	study  = uid.Must("1.2.3")
	images = uid.Must("1.2.3.1")
	report = uid.Must("1.2.3.2")
)

func (kept) Study(_ context.Context, _ string, u uid.UID) (archive.Study, error) {
	if u != study {
		return archive.Study{}, fault.Errorf(fault.NotFound, "no such study")
	}
	return archive.Study{UID: study, Description: "Thorax für Übung"}, nil
}

func (kept) SeriesOf(context.Context, string, uid.UID) ([]archive.Series, error) {
	return []archive.Series{{UID: images, Modality: "CT", BodyPart: "CHEST"}, {UID: report, Modality: "SR"}}, nil
}

func (k kept) Instances(_ context.Context, _ string, _, series uid.UID, after *archive.Instance, limit int) ([]archive.Instance, error) {
	var all []archive.Instance
	n := 1
	if series == images {
		n = k.n
	}
	for i := range n {
		all = append(all, archive.Instance{ID: fmt.Sprint(i), SOP: uid.Must(fmt.Sprintf("%s.%d", series, i+1)), Study: study, Series: series})
	}
	if after != nil {
		at := slices.IndexFunc(all, func(i archive.Instance) bool { return i.SOP == after.SOP })
		all = all[at+1:]
	}
	return all[:min(limit, len(all))], nil
}

func (kept) Studies(context.Context, string, archive.Filter, archive.Cursor, int) ([]archive.Study, error) {
	return nil, nil
}

func (kept) Doors(context.Context, string, uid.UID) ([]archive.Door, error) {
	return []archive.Door{{Door: "dimse", CallingAE: "CT1", Instances: 1}}, nil
}

func (k kept) Notes(context.Context, string, uid.UID) ([]archive.Note, error) {
	if k.notes == nil {
		return nil, nil
	}
	return k.notes(), nil
}

// A wire is a line to peers that breaks when it is told to.
type wire struct {
	mu     sync.Mutex
	sent   []string // what was taken
	breaks int      // after so many instances, once
	no     string   // the instance that is refused
}

func (w *wire) Send(_ context.Context, _, peer string, list []archive.Instance, done func(archive.Instance, error) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if peer == "NOBODY" {
		return fault.Errorf(fault.NotFound, "no such peer")
	}
	for n, i := range list {
		if w.breaks > 0 && n == w.breaks {
			w.breaks = 0
			return fault.Errorf(fault.Unavailable, "the line broke")
		}
		var answer error
		if i.SOP.String() == w.no {
			answer = &exchange.RefusedError{Status: 0xA700, Words: "out of resources"}
		} else {
			w.sent = append(w.sent, i.SOP.String())
		}
		if err := done(i, answer); err != nil {
			return err
		}
	}
	return nil
}

func (w *wire) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// A room is an exchange at work.
type room struct {
	*exchange.Exchange
	db      *db.DB
	journal *journal.Journal
	wire    *wire
	jobs    *job.Queue
	now     time.Time // when it began, by the clock of the test
	began   time.Time
	mu      sync.Mutex
}

func (r *room) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.Add(time.Since(r.began))
}

func (r *room) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func open(t *testing.T, d *db.DB, k kept) *room {
	t.Helper()
	return openWith(t, d, k, nil)
}

// openWith opens an exchange that has studies and, unless it is nil, a source.
func openWith(t *testing.T, d *db.DB, k exchange.Studies, source exchange.Source) *room {
	t.Helper()
	return openAsking(t, d, k, source, nil)
}

// openAsking is openWith that asks peers to commit, unless c is nil.
func openAsking(t *testing.T, d *db.DB, k exchange.Studies, source exchange.Source, c exchange.Committer) *room {
	t.Helper()
	r := &room{db: d, wire: &wire{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), began: time.Now()}
	var err error
	if r.journal, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Holder: "test"}); err != nil {
		t.Fatal(err)
	}
	if r.jobs, err = job.Open(t.Context(), d, r.journal, job.Options{Now: r.clock, Pause: time.Millisecond, MaxPause: 2 * time.Millisecond, Poll: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	r.Exchange, err = exchange.Open(t.Context(), exchange.Config{
		DB: d, Journal: r.journal, Jobs: r.jobs, Studies: k, Line: r.wire, Source: source, Committer: c, Now: r.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for _, run := range []func(context.Context) error{r.journal.Run, r.jobs.Run, r.Run} {
		work.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); work.Wait() })
	return r
}

// arrive notes an instance of the study as the archive would.
func (r *room) arrive(t *testing.T) {
	t.Helper()
	err := r.db.Write(t.Context(), func(tx *db.Tx) error {
		return r.journal.Append(t.Context(), tx, journal.Entry{
			Site: site, Actor: "ae:CT1", Kind: "archive.instance.stored", Subject: "1.2.3.1.1", Data: []byte(`{"study":"1.2.3"}`),
		})
	})
	if err == nil {
		err = r.journal.Wait(t.Context(), exchange.Consumer)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for the transfers to be as ok says.
func (r *room) until(t *testing.T, what string, ok func([]exchange.Transfer) bool) []exchange.Transfer {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		list, err := r.Transfers(t.Context(), site, "", nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		if ok(list) {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute: %+v", what, list)
		}
	}
}

func over(list []exchange.Transfer) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(t exchange.Transfer) bool { return t.State == exchange.Waiting || t.State == exchange.Sending })
}

func TestSendGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := open(t, d, kept{n: 70})
		r.wire.breaks = 40
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		list := r.until(t, "sent", over)
		if x := list[0]; x.State != exchange.Done || x.Sent != 71 || x.Total != 71 || x.Refused != 0 || x.Done.IsZero() {
			t.Errorf("the transfer is %+v; want 71 sent", x)
		}
		sent := r.wire.taken()
		slices.Sort(sent)
		if n := len(slices.Compact(slices.Clone(sent))); n != 71 || len(sent) != 71 {
			t.Errorf("%d instances were sent, %d different ones; want each of 71 once", len(sent), n)
		}
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		r.until(t, "again", over)
		if n := len(r.wire.taken()); n != 71 {
			t.Errorf("what the peer has was sent again: %d", n)
		}
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.Reports, true); err != nil {
			t.Fatal(err)
		}
		r.until(t, "reports", func(l []exchange.Transfer) bool { return len(l) == 2 && over(l) })
		if sent := r.wire.taken(); len(sent) != 72 || sent[71] != report.String()+".1" {
			t.Errorf("asked for again were the reports; sent was %v", sent[71:])
		}
	})
}

// TestNotes: who took what is rejected is told, and nobody else; so is who takes it
// while it is rejected, and not who sent the note.
func TestNotes(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var notes []archive.Note
		note := func(n int, from string, names ...string) {
			mu.Lock()
			defer mu.Unlock()
			one := archive.Note{Instance: archive.Instance{SOP: uid.Must(fmt.Sprintf("1.2.3.9.%d", n)), Study: study, CallingAE: from}, Names: map[string]bool{}}
			for _, s := range names {
				one.Names[s] = true
			}
			notes = append(notes, one)
		}
		r := open(t, d, kept{n: 3, notes: func() []archive.Note {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(notes)
		}})
		reject := func() {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				return r.journal.Append(t.Context(), tx, journal.Entry{Site: site, Actor: "anna", Kind: "archive.instance.rejected", Subject: study.String(), Data: []byte(`{"study":"1.2.3"}`)})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		told := func(l []exchange.Transfer, peer string) (sent int64) {
			for _, x := range l {
				if x.Peer == peer && x.Part == exchange.Notes {
					sent += x.Sent
				}
			}
			return sent
		}
		for peer, part := range map[string]exchange.Part{"PACS": exchange.All, "DOSE": exchange.Reports} {
			if err := r.Send(t.Context(), "anna", site, peer, study.String(), "", part, false); err != nil {
				t.Fatal(err)
			}
		}
		r.until(t, "sent", func(l []exchange.Transfer) bool { return len(l) == 2 && over(l) })
		note(1, "", images.String()+".2")
		reject()
		r.until(t, "told", func(l []exchange.Transfer) bool { return over(l) && told(l, "PACS") == 1 })
		note(2, "PACS", images.String()+".1")
		note(3, "", images.String()+".3", report.String()+".1")
		reject()
		l := r.until(t, "told both", func(l []exchange.Transfer) bool { return over(l) && told(l, "PACS") == 2 && told(l, "DOSE") == 1 })
		if len(l) != 4 {
			t.Errorf("%d transfers; want two and their notes", len(l))
		}
		if err := r.Send(t.Context(), "anna", site, "LATE", study.String(), "", exchange.All, false); err != nil { // the wire does not know what is hidden
			t.Fatal(err)
		}
		r.until(t, "told at the end", func(l []exchange.Transfer) bool { return over(l) && told(l, "LATE") == 3 })
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := open(t, d, kept{n: 3})
		r.wire.no = images.String() + ".2"
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		x := r.until(t, "refused", over)[0]
		if x.State != exchange.Failed || x.Reason != exchange.ReasonRefused || x.Sent != 3 || x.Refused != 1 || x.Detail != "out of resources" {
			t.Errorf("the transfer is %+v", x)
		}
		r.wire.mu.Lock()
		r.wire.no = ""
		r.wire.mu.Unlock()
		if err := r.Again(t.Context(), "anna", site, x.ID); err != nil {
			t.Fatal(err)
		}
		x = r.until(t, "again", over)[0]
		if x.State != exchange.Done || x.Sent != 4 || len(r.wire.taken()) != 4 {
			t.Errorf("after the peer has room again: %+v, sent %d", x, len(r.wire.taken()))
		}
		if err := r.Send(t.Context(), "anna", site, "NOBODY", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		x = r.until(t, "nobody", func(l []exchange.Transfer) bool { return len(l) == 2 && over(l) })[0]
		if x.State != exchange.Failed || x.Reason != exchange.ReasonUnknownPeer {
			t.Errorf("to nobody: %+v", x)
		}
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	rule := func(change func(*exchange.Rule)) exchange.Rule {
		r := exchange.Rule{Site: site, Name: "to the PACS", Active: true, Peer: "PACS", Part: exchange.All}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		rule exchange.Rule
		want []string // series of the transfers; "" is the whole study
	}{
		"everything":                  {rule(func(*exchange.Rule) {}), []string{""}},
		"reports alone":               {rule(func(r *exchange.Rule) { r.Part = exchange.Reports }), []string{""}},
		"of a modality":               {rule(func(r *exchange.Rule) { r.Modality = []string{"CT", "MR"} }), []string{images.String()}},
		"of a body part":              {rule(func(r *exchange.Rule) { r.BodyPart = []string{"CHEST"} }), []string{images.String()}},
		"described":                   {rule(func(r *exchange.Rule) { r.Description = "FUR UBUNG" }), []string{""}},
		"described otherwise":         {rule(func(r *exchange.Rule) { r.Description = "knee" }), nil},
		"from a scanner":              {rule(func(r *exchange.Rule) { r.CallingAE = []string{"CT1"} }), []string{""}},
		"from another":                {rule(func(r *exchange.Rule) { r.CallingAE = []string{"CT2"} }), nil},
		"not back to where it was":    {rule(func(r *exchange.Rule) { r.Peer = "CT1" }), nil},
		"switched off":                {rule(func(r *exchange.Rule) { r.Active = false }), nil},
		"in these hours":              {rule(func(r *exchange.Rule) { r.From, r.Until = 11*60, 13*60 }), []string{""}},
		"over midnight, not now":      {rule(func(r *exchange.Rule) { r.From, r.Until = 22*60, 6*60 }), nil},
		"not before it is quiet":      {rule(func(r *exchange.Rule) { r.Rest = time.Hour }), nil},
		"when it has been for a time": {rule(func(r *exchange.Rule) { r.Rest = 10 * time.Second }), []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				r := open(t, d, kept{n: 2})
				if _, err := r.SetRule(t.Context(), "anna", c.rule); err != nil {
					t.Fatal(err)
				}
				r.arrive(t)
				r.later(20 * time.Second)
				if err := r.Apply(t.Context()); err != nil {
					t.Fatal(err)
				}
				list, err := r.Transfers(t.Context(), site, "", nil, 10)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, x := range list {
					got = append(got, x.Series)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("transfers of %q; want %q", got, c.want)
				}
			})
		})
	}
}

func TestBadRules(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := open(t, d, kept{})
		good := exchange.Rule{Site: site, Name: "n", Peer: "P", Part: exchange.All}
		for name, change := range map[string]func(*exchange.Rule){
			"no name":        func(r *exchange.Rule) { r.Name = "" },
			"no peer":        func(r *exchange.Rule) { r.Peer = "" },
			"no part":        func(r *exchange.Rule) { r.Part = "" },
			"a bad hour":     func(r *exchange.Rule) { r.Until = 24 * 60 },
			"a long rest":    func(r *exchange.Rule) { r.Rest = 48 * time.Hour },
			"a comma inside": func(r *exchange.Rule) { r.Modality = []string{"CT,MR"} },
		} {
			bad := good
			change(&bad)
			if _, err := r.SetRule(t.Context(), "anna", bad); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v; want Invalid", name, err)
			}
		}
		unknown := good
		unknown.ID = "none"
		if _, err := r.SetRule(t.Context(), "anna", unknown); fault.Of(err) != fault.NotFound {
			t.Errorf("an unknown rule: %v", err)
		}
		id, err := r.SetRule(t.Context(), "anna", good)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.RemoveRule(t.Context(), "anna", site, id)); err != nil {
			t.Error(err)
		}
		if err := r.RemoveRule(t.Context(), "anna", site, id); fault.Of(err) != fault.NotFound {
			t.Errorf("removed twice: %v", err)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := open(t, d, kept{n: 1})
		r.wire.mu.Lock() // nothing goes out meanwhile
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		list := r.until(t, "there", func(l []exchange.Transfer) bool { return len(l) == 1 })
		err := r.Cancel(t.Context(), "anna", site, list[0].ID)
		r.wire.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if x := r.until(t, "cancelled", over)[0]; x.State != exchange.Cancelled {
			t.Errorf("the transfer is %+v", x)
		}
		if err := r.Cancel(t.Context(), "anna", site, list[0].ID); fault.Of(err) != fault.Conflict {
			t.Errorf("cancelled twice: %v; want Conflict", err)
		}
	})
}
