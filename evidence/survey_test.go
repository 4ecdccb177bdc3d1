package evidence_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radagora/evidence"
	"radagora/fault"
)

// TestSurvey: what is slow is late and holds nobody up, what fails says why, and no more
// are computed at once than may be.
func TestSurvey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		var now, most atomic.Int64
		takes := func(id string, d time.Duration, err error) evidence.Fact {
			return evidence.Fact{ID: id, Value: func(ctx context.Context, _ evidence.Query) (evidence.Value, error) {
				n := now.Add(1)
				defer now.Add(-1)
				most.Store(max(most.Load(), n))
				select {
				case <-time.After(d):
					return evidence.Value{Numerator: 1, Denominator: 2}, err
				case <-ctx.Done():
					return evidence.Value{}, ctx.Err()
				}
			}}
		}
		err := r.Register(
			takes("dose.within_drl", time.Second, nil), takes("dose.size_specific", time.Hour, nil), takes("dose.alert_review", time.Second, errors.New("no table")),
			takes("dose.local_levels", time.Second, nil),
			evidence.Fact{ID: "dose.device_coverage", Value: func(context.Context, evidence.Query) (evidence.Value, error) {
				time.Sleep(time.Minute) // it does not listen
				return evidence.Value{Denominator: 1}, nil
			}},
		)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		all := r.Survey(t.Context(), []string{"dose.device_coverage", "dose.size_specific", "dose.within_drl", "dose.alert_review", "dose.local_levels", "dose.individualised", "nonsense"},
			evidence.Query{}, evidence.Limits{Each: 5 * time.Second, Together: 3})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the survey took %v", took)
		}
		time.Sleep(time.Hour)
		for i, want := range []evidence.Reading{
			{Connected: true, Late: true},
			{Connected: true, Late: true},
			{Connected: true, Value: evidence.Value{State: evidence.Known}},
			{Connected: true, Err: errors.New("no table")},
			{Connected: true, Value: evidence.Value{State: evidence.Known}},
			{Value: evidence.Value{State: evidence.NotConnected}},
			{Err: fault.Errorf(fault.NotFound, "none")},
		} {
			got := all[i]
			if got.Connected != want.Connected || got.Late != want.Late || got.Value.State != want.Value.State || (got.Err == nil) != (want.Err == nil) {
				t.Errorf("%d: %+v", i, got)
			}
		}
		if most.Load() > 3 {
			t.Errorf("%d at once", most.Load())
		}
	})
}
