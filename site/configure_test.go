package site_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

func TestConfigure(t *testing.T) {
	run(t, func(t *testing.T, _ *db.DB, r *site.Register, j *recorder) {
		want := site.Layout{
			Rooms:    []site.RoomDecision{{ID: "ct-1", Name: "CT 1", Area: "Emergency"}},
			Machines: []site.MachineDecision{{ID: "not-seen-yet", Name: "Big one", Room: "ct-1"}},
		}
		c := site.Configuration{
			Sites:   []site.Site{{ID: site.Default, Name: "Example", Country: "IE", Timezone: "Europe/Dublin"}},
			Peers:   []site.Peer{{AETitle: "PACS", Host: "192.0.2.5", Port: 104}},
			Layouts: map[string]site.Layout{site.Default: want},
		}
		if err := r.Configure(t.Context(), "local", c); err != nil {
			t.Fatal(err)
		}
		got, err := r.Layout(t.Context(), site.Default)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if s, err := r.Site(t.Context(), site.Default); err != nil || s.Name != "Example" {
			t.Errorf("the site is %v, %v", s, err)
		}
		said := len(j.said())
		refused := []struct {
			name string
			c    site.Configuration
			want fault.Kind
		}{
			{"a room in which a machine stands does not go", gone(site.Layout{Rooms: want.Rooms}), fault.Conflict},
			{"nothing was decided about it", gone(site.Layout{Rooms: []site.RoomDecision{{ID: "ct-2"}}}), fault.NotFound},
			{"a room that is not there", set(site.MachineDecision{ID: "a", Room: "ct-9"}), fault.Conflict},
			{"a merge in a circle", set(site.MachineDecision{ID: "a", Into: "b"}, site.MachineDecision{ID: "b", Into: "a"}), fault.Conflict},
			{"a site that is not there", site.Configuration{Sites: []site.Site{{ID: "x", Timezone: "UTC"}}}, fault.NotFound},
			{"rooms of a site that is not there", site.Configuration{Layouts: map[string]site.Layout{"x": want}}, fault.NotFound},
			{
				"the last thing is wrong, so none is done",
				site.Configuration{Sites: []site.Site{{ID: site.Default, Name: "Other", Timezone: "UTC"}}, Peers: []site.Peer{{AETitle: "NOWHERE"}}},
				fault.Invalid,
			},
		}
		for _, test := range refused {
			if err := r.Configure(t.Context(), "local", test.c); fault.Of(err) != test.want {
				t.Errorf("%s: %v; want %v", test.name, err, test.want)
			}
		}
		if s, err := r.Site(t.Context(), site.Default); err != nil || s.Name != "Example" {
			t.Errorf("after refusals the site is %v, %v", s, err)
		}
		if now := j.said(); len(now) != said {
			t.Errorf("refusals wrote to the journal: %v", now[said:])
		}
		if err := r.Configure(t.Context(), "local", gone(want)); err != nil {
			t.Error(err)
		}
		if got, err := r.Layout(t.Context(), site.Default); err != nil || len(got.Rooms)+len(got.Machines) != 0 {
			t.Errorf("after removal there are %v, %v", got, err)
		}
	})
}

// gone removes decisions of the default site.
func gone(l site.Layout) site.Configuration {
	return site.Configuration{Removed: map[string]site.Layout{site.Default: l}}
}

// set decides about machines of the default site.
func set(all ...site.MachineDecision) site.Configuration {
	return site.Configuration{Layouts: map[string]site.Layout{site.Default: {Machines: all}}}
}
