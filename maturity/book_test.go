package maturity_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/maturity"
	"radagora/site"
)

const house = "default"

func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A recorder is a journal that remembers.
type recorder struct {
	*journal.Journal
	mu  sync.Mutex
	all []journal.Entry
}

// Append implements maturity.Journal.
func (r *recorder) Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error {
	r.mu.Lock()
	r.all = append(r.all, e...)
	r.mu.Unlock()
	return r.Journal.Append(ctx, tx, e...)
}

// newBook opens a book in an empty database; said is what evidence says.
func newBook(t *testing.T, d *db.DB, said map[string]evidence.Value) (*maturity.Book, *recorder) {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "maturity", maturity.Migrations()))
	registry, err := evidence.Open(library(t), today)
	check(t, err)
	for id, v := range said {
		check(t, registry.Register(evidence.Fact{ID: id, Value: func(context.Context, evidence.Query) (evidence.Value, error) { return v, nil }}))
	}
	r := &recorder{Journal: j}
	return &maturity.Book{DB: d, Journal: r, Content: library(t), Site: sites.Site, Now: today, Facts: func(ctx context.Context, siteID string, ids []string) []evidence.Reading {
		return registry.Survey(ctx, ids, evidence.Query{Site: siteID}, evidence.Limits{})
	}}, r
}

// TestAnswer keeps who answered what, refuses what may not be, and keeps both values of
// an answer that departs from what was measured.
func TestAnswer(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, j := newBook(t, d, map[string]evidence.Value{
			"dose.record_coverage":       {Numerator: 95, Denominator: 100}, // QSM04, measured
			"report.peer_review_sampled": {Numerator: 0, Denominator: 100},  // QSM03, supported
		})
		ctx := t.Context()
		_, err := b.Open(ctx, house, "user:1", maturity.Start{Kind: maturity.Digital})
		want(t, err, fault.Invalid, "without a name")
		a, err := b.Open(ctx, house, "user:1", maturity.Start{Kind: maturity.Digital, Name: "2026"})
		check(t, err)
		_, err = b.Open(ctx, house, "user:1", maturity.Start{Kind: maturity.Digital, Name: "2027"})
		want(t, err, fault.Conflict, "one is open")
		give := func(by string, g ...maturity.Given) error { return b.Answer(ctx, house, by, maturity.Digital, a.ID, g) }
		for _, c := range []struct {
			name string
			g    maturity.Given
			kind fault.Kind
		}{
			{"unknown item", maturity.Given{Item: "XX01"}, fault.NotFound},
			{"too much", maturity.Given{Item: "SI01", Answer: 5}, fault.Invalid},
			{"too little", maturity.Given{Item: "SI01", Answer: -3}, fault.Invalid},
			{"mandatory as not applicable", maturity.Given{Item: "SI01", Answer: maturity.NA, Reason: "none here"}, fault.Invalid},
			{"several areas", maturity.Given{Item: "SI06", Answer: maturity.NA, Reason: "none here"}, fault.Invalid},
			{"not applicable without a reason", maturity.Given{Item: "SI05", Answer: maturity.NA}, fault.Invalid},
			{"other than measured without a reason", maturity.Given{Item: "QSM04", Answer: 3}, fault.Invalid},
			{"above evidence of 0 without a reason", maturity.Given{Item: "QSM03", Answer: 3}, fault.Invalid},
			{"text of control signs", maturity.Given{Item: "SI02", Answer: 3, Reason: "a\x00b"}, fault.Invalid},
			{"a version that is not there", maturity.Given{Item: "SI02", Answer: 3, Before: 1}, fault.Conflict},
		} {
			want(t, give("user:1", maturity.Given{Item: "SI03", Answer: 4}, c.g), c.kind, c.name)
		}
		if got, err := b.Get(ctx, house, maturity.Digital, a.ID); err != nil || len(got.Answers) > 0 {
			t.Fatalf("of answers with a wrong one among them some are kept: %v, %v", got.Answers, err)
		}
		check(t, give("user:1", maturity.Given{Item: "QSM04", Answer: 3, Reason: "one room is not connected"}, maturity.Given{Item: "QSM03", Answer: 1}, maturity.Given{Item: "SI01", Answer: 4}))
		check(t, give("user:2", maturity.Given{Item: "SI01", Answer: 2, Before: 1}))
		want(t, give("user:1", maturity.Given{Item: "SI01", Answer: 4, Before: 1}), fault.Conflict, "somebody answered in between")
		got, err := b.Get(ctx, house, maturity.Digital, a.ID)
		check(t, err)
		q := got.Answers["QSM04"]
		if !q.Overridden() || *q.Proposed != 4 || q.Answer != 3 || q.Measured == nil || q.Measured.Value != 0.95 || q.By != "user:1" {
			t.Errorf("departing from what was measured: %+v", q)
		}
		if q := got.Answers["QSM03"]; q.Proposed != nil || q.Measured == nil || q.Measured.Denominator != 100 {
			t.Errorf("beside the question: %+v", q)
		}
		all, err := b.History(ctx, house, a.ID, "SI01")
		check(t, err)
		if len(all) != 2 || all[0].By != "user:1" || all[0].Answer != 4 || all[1].By != "user:2" || all[1].Answer != 2 {
			t.Errorf("history: %+v", all)
		}
		if _, err := b.Get(ctx, "elsewhere", maturity.Digital, a.ID); fault.Of(err) != fault.NotFound {
			t.Errorf("of another site: %v", err)
		}
		for _, e := range j.all {
			if strings.Contains(string(e.Data), "not connected") {
				t.Errorf("%s tells what somebody wrote", e.Kind)
			}
		}
		closing(ctx, t, b, a.ID)
		var kinds []string
		for _, e := range j.all {
			kinds = append(kinds, e.Kind)
		}
		if diff := cmp.Diff([]string{"maturity.assessment.opened", "maturity.answer.given", "maturity.answer.given", "maturity.answer.given", "maturity.assessment.closed", "maturity.step.planned"}, kinds); diff != "" {
			t.Error(diff)
		}
	})
}

// closing takes an answer back, freezes the result, and plans what is to be done.
func closing(ctx context.Context, t *testing.T, b *maturity.Book, id string) {
	t.Helper()
	check(t, b.Answer(ctx, house, "user:2", maturity.Digital, id, []maturity.Given{{Item: "QSM03", Answer: maturity.TakenBack, Before: 1}}))
	live, err := b.Get(ctx, house, maturity.Digital, id)
	check(t, err)
	before, err := b.Result(ctx, live)
	check(t, err)
	_, err = b.Close(ctx, house, "user:1", maturity.Digital, id)
	check(t, err)
	_, err = b.Close(ctx, house, "user:1", maturity.Digital, id)
	want(t, err, fault.Conflict, "closed twice")
	want(t, b.Answer(ctx, house, "user:1", maturity.Digital, id, []maturity.Given{{Item: "SI02", Answer: 3}}), fault.Conflict, "an answer after closing")
	closed, err := b.Get(ctx, house, maturity.Digital, id)
	check(t, err)
	if diff := cmp.Diff(before.Result, closed.Frozen.Result); diff != "" || closed.Frozen.Result.Answered != 2 || closed.Day != "2026-11-22" {
		t.Errorf("frozen: %+v, %s", closed.Frozen.Result, diff)
	}
	want(t, b.Do(ctx, house, "user:1", maturity.Digital, id, maturity.Step{Item: "SI02", Effort: "NaN"}, 0), fault.Invalid, "effort that is no number")
	want(t, b.Do(ctx, house, "user:1", maturity.Digital, id, maturity.Step{Item: "SI02", Due: "soon"}, 0), fault.Invalid, "a day that is none")
	check(t, b.Do(ctx, house, "user:1", maturity.Digital, id, maturity.Step{Item: "SI02", Effort: "2,5", Owner: "archive team", Due: "2027-02-01"}, 0))
	want(t, b.Do(ctx, house, "user:1", maturity.Digital, id, maturity.Step{Item: "SI02"}, 0), fault.Conflict, "a step that somebody else changed")
	again, err := b.Get(ctx, house, maturity.Digital, id)
	check(t, err)
	if s := again.Steps["SI02"]; s.Effort != "2.5" || s.Owner != "archive team" || s.By != "user:1" {
		t.Errorf("step: %+v", s)
	}
	all, err := b.List(ctx, house, maturity.Digital)
	if err != nil || len(all) != 1 || all[0].State != maturity.Closed {
		t.Errorf("list: %+v, %v", all, err)
	}
}

// TestStarsKept proposes from evidence, demands a reference of what is declared, and
// expires.
func TestStarsKept(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, _ := newBook(t, d, map[string]evidence.Value{"dose.device_coverage": {Numerator: 10, Denominator: 10}})
		ctx := t.Context()
		a, err := b.Open(ctx, house, "user:1", maturity.Start{Kind: maturity.Quality, Name: "2026"})
		check(t, err)
		give := func(g ...maturity.Given) error { return b.Answer(ctx, house, "user:1", maturity.Quality, a.ID, g) }
		want(t, give(maturity.Given{Item: "OP2"}), fault.Invalid, "open against evidence without a reason")
		want(t, give(maturity.Given{Item: "RE2", Answer: 1}), fault.Invalid, "declared without a reference")
		want(t, give(maturity.Given{Item: "OP2", Answer: 2}), fault.Invalid, "more than met")
		want(t, give(maturity.Given{Item: "QU2", Due: "next year"}), fault.Invalid, "a plan without a day")
		s, err := maturity.LoadStars(library(t), house)
		check(t, err)
		var all []maturity.Given
		for _, c := range s.Criteria {
			all = append(all, maturity.Given{Item: c.ID, Answer: 1, Reason: "protocol 12"})
		}
		check(t, give(all...))
		closed, err := b.Close(ctx, house, "user:1", maturity.Quality, a.ID)
		check(t, err)
		if closed.Frozen.Stars.Stars != 5 || closed.Frozen.Expires != "2028-11-22" || closed.Expired("2028-11-21") || !closed.Expired("2028-11-22") {
			t.Errorf("%+v", closed.Frozen)
		}
		got, err := b.Get(ctx, house, maturity.Quality, a.ID)
		check(t, err)
		if x := got.Answers["OP2"]; x.Proposed == nil || *x.Proposed != 1 || x.Overridden() {
			t.Errorf("OP2: %+v", x)
		}
	})
}

// TestTogether: several people answer at once, and nothing is lost.
func TestTogether(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, _ := newBook(t, d, nil)
		a, err := b.Open(t.Context(), house, "user:1", maturity.Start{Kind: maturity.Digital, Name: "2026"})
		check(t, err)
		var wait sync.WaitGroup
		for _, item := range []string{"SI01", "SI02", "SI03", "SI04", "PU01", "PU03"} {
			wait.Go(func() {
				if err := b.Answer(t.Context(), house, "user:"+item, maturity.Digital, a.ID, []maturity.Given{{Item: item, Answer: 3}}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		got, err := b.Get(t.Context(), house, maturity.Digital, a.ID)
		check(t, err)
		if len(got.Answers) != 6 || got.Answers["PU03"].By != "user:PU03" {
			t.Errorf("answers: %+v", got.Answers)
		}
	})
}

func want(t *testing.T, err error, kind fault.Kind, name string) {
	t.Helper()
	if err == nil || fault.Of(err) != kind {
		t.Errorf("%s: %v; want %v", name, err, kind)
	}
}
