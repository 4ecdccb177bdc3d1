package exchange_test

import (
	"cmp"
	"context"
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
)

// A shelf is both sides of a fetch: what a peer has and what is kept here.
type shelf struct {
	mu         sync.Mutex
	there      []exchange.Far           // of every study
	studies    map[uid.UID]string       // day of each study there
	of         map[uid.UID]uid.UID      // series to study
	counted    map[uid.UID]int64        // what the peer says it has of a study, where that is not what it lists
	here       map[uid.UID]exchange.Far // by SOP instance
	hereOn     map[uid.UID]string       // studies kept here, with their days
	ways       []exchange.Way           // how was fetched
	wanted     []exchange.Wanted
	noGet      bool         // C-GET brings nothing
	first      exchange.Way // by which it gives if it is not said; "" is C-GET
	breaks     int          // after so many instances, once
	no         *exchange.RefusedError
	away       bool // nobody answers
	days       []string
	busy, most int           // fetches at once
	hold       chan struct{} // fetches wait for it
}

// add puts a study of n images and one report there.
func (s *shelf) add(study, day string, n int) {
	if s.of == nil {
		s.of, s.studies, s.here, s.counted, s.hereOn = map[uid.UID]uid.UID{}, map[uid.UID]string{}, map[uid.UID]exchange.Far{}, map[uid.UID]int64{}, map[uid.UID]string{}
	}
	u := uid.Must(study)
	s.studies[u] = day
	images, report := uid.Must(study+".1"), uid.Must(study+".2")
	s.of[images], s.of[report] = u, u
	for i := range n {
		s.there = append(s.there, exchange.Far{Series: exchange.FarSeries{UID: images, Modality: "CT"}, SOP: uid.Must(fmt.Sprintf("%s.1.%d", study, i+1)), SOPClass: uid.CTImageStorage, Number: int64(n - i)})
	}
	s.there = append(s.there, exchange.Far{Series: exchange.FarSeries{UID: report, Modality: "SR"}, SOP: uid.Must(study + ".2.1"), SOPClass: uid.XRayRadiationDoseSRStorage})
}

func (s *shelf) Search(_ context.Context, _, _ string, q exchange.Search) ([]exchange.Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, fault.Errorf(fault.Unavailable, "nobody answers")
	}
	s.days = append(s.days, q.From)
	var all []exchange.Found
	for u, day := range s.studies {
		if day < q.From || day > q.Until {
			continue
		}
		n := int64(0)
		for _, f := range s.there {
			if s.of[f.Series.UID] == u {
				n++
			}
		}
		if c, ok := s.counted[u]; ok {
			n = c
		}
		all = append(all, exchange.Found{UID: u, Date: day, Instances: n})
	}
	return all, nil
}

func (s *shelf) Holdings(_ context.Context, _, peer string, study uid.UID, narrow func([]exchange.FarSeries) []exchange.FarSeries) ([]exchange.Far, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.away:
		return nil, fault.Errorf(fault.Unavailable, "nobody answers")
	case peer == "NOBODY":
		return nil, fault.Errorf(fault.NotFound, "no such peer")
	}
	var series []exchange.FarSeries
	for _, f := range s.there {
		if s.of[f.Series.UID] == study && !slices.Contains(series, f.Series) {
			series = append(series, f.Series)
		}
	}
	series = narrow(series)
	return slices.DeleteFunc(slices.Clone(s.there), func(f exchange.Far) bool { return !slices.Contains(series, f.Series) }), nil
}

func (s *shelf) Fetch(ctx context.Context, _, _ string, w exchange.Wanted, way exchange.Way, told func(int) error) (exchange.Way, error) {
	if way == exchange.AnyWay {
		way = cmp.Or(s.first, exchange.ByGet)
	}
	s.mu.Lock()
	s.busy++
	s.most = max(s.most, s.busy)
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.ways, s.wanted = append(s.ways, way), append(s.wanted, w)
	if s.no != nil {
		return way, s.no
	}
	if s.noGet && way == exchange.ByGet {
		return way, nil
	}
	n := 0
	for _, f := range s.there {
		if s.of[f.Series.UID] != w.Study || !w.Whole && !slices.Contains(w.Series, f.Series.UID) && !slices.Contains(w.Some[f.Series.UID], f.SOP) {
			continue
		}
		if s.breaks > 0 && n == s.breaks {
			s.breaks = 0
			return way, fault.Errorf(fault.Unavailable, "the line broke")
		}
		s.here[f.SOP] = f
		n++
		if err := told(n); err != nil {
			return way, err
		}
	}
	return way, nil
}

func (s *shelf) Study(context.Context, string, uid.UID) (archive.Study, error) {
	return archive.Study{}, fault.Errorf(fault.NotFound, "no such study")
}

func (s *shelf) Studies(_ context.Context, _ string, f archive.Filter, _ archive.Cursor, _ int) (all []archive.Study, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for u, day := range s.hereOn {
		if f.Reach.All && day >= f.DateFrom && day <= f.DateTo {
			all = append(all, archive.Study{UID: u, Date: day, InstanceCount: 1})
		}
	}
	return all, nil
}

func (s *shelf) SeriesOf(_ context.Context, _ string, study uid.UID) (all []archive.Series, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[uid.UID]bool{}
	for _, f := range s.here {
		if s.of[f.Series.UID] == study && !known[f.Series.UID] {
			known[f.Series.UID] = true
			all = append(all, archive.Series{UID: f.Series.UID, Modality: f.Series.Modality})
		}
	}
	return all, nil
}

func (s *shelf) Instances(_ context.Context, _ string, _, series uid.UID, _ *archive.Instance, _ int) (all []archive.Instance, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.here {
		if f.Series.UID == series {
			all = append(all, archive.Instance{SOP: f.SOP, Series: series})
		}
	}
	return all, nil
}

func (s *shelf) Notes(context.Context, string, uid.UID) ([]archive.Note, error) { return nil, nil }

func (s *shelf) Doors(context.Context, string, uid.UID) ([]archive.Door, error) { return nil, nil }

// with changes a shelf.
func (s *shelf) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// fetched waits until nothing is fetched any more.
func (r *room) fetched(t *testing.T, n int) []exchange.Fetch {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		list, err := r.Fetches(t.Context(), site, nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) >= n && !slices.ContainsFunc(list, func(f exchange.Fetch) bool { return f.State == exchange.Waiting || f.State == exchange.Fetching }) {
			return list
		}
		if time.Now().After(end) {
			t.Fatalf("it is not fetched within a minute: %+v", list)
		}
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part   exchange.Part
		peer   string
		before func(*shelf)
		want   exchange.Fetch
		ways   []exchange.Way
	}{
		"a whole study":                {exchange.All, "PACS", nil, exchange.Fetch{State: exchange.Done, Way: "get", There: 5, Here: 5}, []exchange.Way{"get"}},
		"nothing that is here already": {exchange.All, "PACS", func(s *shelf) { s.take("1.2.3") }, exchange.Fetch{State: exchange.Done, There: 5, Here: 5}, nil},
		"on from where it broke":       {exchange.All, "PACS", func(s *shelf) { s.breaks = 2 }, exchange.Fetch{State: exchange.Done, Way: "move", There: 5, Here: 5}, []exchange.Way{"get", "move"}},
		"by C-GET what C-MOVE leaves":  {exchange.All, "PACS", func(s *shelf) { s.first, s.breaks = exchange.ByMove, 2 }, exchange.Fetch{State: exchange.Done, Way: "get", There: 5, Here: 5}, []exchange.Way{"move", "get"}},
		"by C-MOVE what C-GET leaves":  {exchange.All, "PACS", func(s *shelf) { s.noGet = true }, exchange.Fetch{State: exchange.Done, Way: "move", There: 5, Here: 5}, []exchange.Way{"get", "move"}},
		"reports alone":                {exchange.Reports, "PACS", nil, exchange.Fetch{State: exchange.Done, Way: "get", There: 1, Here: 1}, []exchange.Way{"get"}},
		"reports first for doses":      {exchange.Doses, "PACS", nil, exchange.Fetch{State: exchange.Done, Way: "get", There: 1, Here: 1}, []exchange.Way{"get"}},
		"one image for each series where there is no report": {
			exchange.Doses, "PACS", func(s *shelf) { s.there = s.there[:4] },
			exchange.Fetch{State: exchange.Done, Way: "get", There: 1, Here: 1},
			[]exchange.Way{"get"},
		},
		"more here than there": {exchange.All, "PACS", func(s *shelf) {
			s.take("1.2.3")
			s.there = s.there[1:]
		}, exchange.Fetch{State: exchange.Done, There: 4, Here: 4, Extra: 1}, nil},
		"what the peer does not give": {
			exchange.All, "PACS", func(s *shelf) { s.no = &exchange.RefusedError{Status: 0xA801, Words: "move destination unknown"} },
			exchange.Fetch{State: exchange.Failed, Reason: exchange.ReasonRefused, Detail: "A801 move destination unknown", Way: "move", There: 5},
			[]exchange.Way{"get", "move", "get", "move", "get", "move"},
		},
		"what the peer does not have": {exchange.All, "PACS", func(s *shelf) { s.there = nil }, exchange.Fetch{State: exchange.Failed, Reason: exchange.ReasonNotThere}, nil},
		"from nobody":                 {exchange.All, "NOBODY", nil, exchange.Fetch{State: exchange.Failed, Reason: exchange.ReasonUnknownPeer, Detail: "no such peer"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				s := &shelf{}
				s.add("1.2.3", "20261121", 4)
				if c.before != nil {
					c.before(s)
				}
				r := openWith(t, d, s, s)
				if err := r.Fetch(t.Context(), "anna", site, c.peer, "1.2.3", c.part); err != nil {
					t.Fatal(err)
				}
				f := r.fetched(t, 1)[0]
				got := exchange.Fetch{State: f.State, Reason: f.Reason, Detail: f.Detail, Way: f.Way, There: f.There, Here: f.Here, Extra: f.Extra}
				if got != c.want {
					t.Errorf("it is\n%+v; want\n%+v", got, c.want)
				}
				if !slices.Equal(s.ways, c.ways) {
					t.Errorf("it was fetched by %q; want %q", s.ways, c.ways)
				}
			})
		})
	}
}

// take puts a study of the peer here.
func (s *shelf) take(study string) {
	for _, f := range s.there {
		if s.of[f.Series.UID] == uid.Must(study) {
			s.here[f.SOP] = f
		}
	}
}

// TestFetchIsThrifty asks for no more than is missing.
func TestFetchIsThrifty(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{}
		s.add("1.2.3", "20261121", 4)
		s.here[s.there[0].SOP] = s.there[0]
		r := openWith(t, d, s, s)
		if err := r.Fetch(t.Context(), "anna", site, "PACS", "1.2.3", exchange.All); err != nil {
			t.Fatal(err)
		}
		r.fetched(t, 1)
		w := s.wanted[0]
		if w.Whole || len(w.Series) != 1 || w.Series[0] != uid.Must("1.2.3.2") || len(w.Some[uid.Must("1.2.3.1")]) != 3 || len(w.Classes) != 2 {
			t.Errorf("asked for was %+v; want the report's series and three images", w)
		}
	})
}

func TestFetchCancelAndAgain(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{hold: make(chan struct{})}
		s.add("1.2.3", "20261121", 4)
		r := openWith(t, d, s, s)
		if err := r.Fetch(t.Context(), "anna", site, "PACS", "1.2.3", exchange.All); err != nil {
			t.Fatal(err)
		}
		list, err := r.Fetches(t.Context(), site, []exchange.State{exchange.Waiting, exchange.Fetching}, 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		if err := r.FetchCancel(t.Context(), "anna", site, list[0].ID); err != nil {
			t.Fatal(err)
		}
		close(s.hold)
		if f := r.fetched(t, 1)[0]; f.State != exchange.Cancelled {
			t.Errorf("it is %+v; want cancelled", f)
		}
		if err := r.FetchAgain(t.Context(), "anna", site, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if f := r.fetched(t, 1)[0]; f.State != exchange.Done || f.Here != 5 {
			t.Errorf("again it is %+v", f)
		}
		if err := r.FetchCancel(t.Context(), "anna", site, list[0].ID); fault.Of(err) != fault.Conflict {
			t.Errorf("to cancel what is done: %v; want Conflict", err)
		}
		if err := r.Fetch(t.Context(), "anna", site, "", "1.2.3", exchange.All); fault.Of(err) != fault.Invalid {
			t.Errorf("from no peer: %v; want Invalid", err)
		}
	})
}
