package access_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// rules returns the policies of the program.
func rules(t *testing.T) *access.Rules {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, err := access.NewRules(library)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDecide(t *testing.T) {
	r := rules(t)
	as := func(site string, roles ...access.Role) access.Who {
		return access.Who{ID: "1", Grants: access.At(site, roles...)}
	}
	north, south := access.Subject{Site: "north"}, access.Subject{Site: "south"}
	somebody := access.Subject{Site: "north", Person: "p"}
	type c = access.Circumstances
	research := as("", access.Radiologist)
	research.Purpose = access.Research
	token := as("", access.Physicist)
	token.Scopes = []string{"dose.*"}
	for _, test := range []struct {
		name    string
		who     access.Who
		act     access.Act
		subject access.Subject
		given   access.Circumstances
		want    bool
		need    string
	}{
		{"a physicist decides about a finding", as("north", access.Physicist), access.FindingDecide, north, c{}, true, ""},
		{"at the own site only", as("north", access.Physicist), access.FindingDecide, south, c{}, false, ""},
		{"and not for the whole installation", as("north", access.Physicist), access.StatusRead, access.Subject{}, c{}, false, ""},
		{"a physicist makes no accounts", as("", access.Physicist), access.UserChange, north, c{Fresh: true}, false, ""},
		{"an administrator does, after proving who they are", as("", access.Administrator), access.UserChange, north, c{Fresh: true}, true, ""},
		{"and not a day later", as("", access.Administrator), access.UserChange, north, c{}, false, access.NeedFresh},
		{"an administrator sees no images", as("", access.Administrator), access.ObjectRead, somebody, c{Fresh: true}, false, ""},
		{"a referrer sees no stranger", as("", access.Referrer), access.ObjectRead, somebody, c{}, false, access.NeedGlass},
		{"but whom they referred", as("", access.Referrer), access.ObjectRead, somebody, c{Referred: true}, true, ""},
		{"and whom they were given", as("", access.Referrer), access.IdentityRead, somebody, c{Granted: true}, true, ""},
		{"in an emergency anybody in care", as("", access.Referrer), access.ObjectRead, somebody, c{Glass: true}, true, ""},
		{"a researcher sees no identity, given or not", as("", access.Researcher), access.IdentityRead, somebody, c{Granted: true}, false, ""},
		{"but a study without one", as("", access.Researcher), access.ExaminationRead, somebody, c{Granted: true}, true, ""},
		{"a researcher cannot break glass", as("", access.Researcher), access.GlassOpen, somebody, c{}, false, ""},
		{"a radiologist who researches sees no identity", research, access.IdentityRead, somebody, c{}, false, ""},
		{"a patient sees the own record", as("", access.Patient), access.ObjectRead, somebody, c{Own: true}, true, ""},
		{"and nobody else's", as("", access.Patient), access.ObjectRead, somebody, c{}, false, ""},
		{"what is restricted is hidden from care", as("", access.Radiologist), access.ObjectRead, somebody, c{Restricted: true}, false, access.NeedGlass},
		{"not from who handles the request", as("", access.ProtectionOfficer), access.IdentityRead, somebody, c{Restricted: true}, true, ""},
		{"nor in an emergency", as("", access.Radiologist), access.ObjectRead, somebody, c{Restricted: true, Glass: true}, true, ""},
		{"who opted out is left out", as("", access.Researcher), access.SecondaryUse, somebody, c{OptedOut: true}, false, ""},
		{"who did not is not", as("", access.Researcher), access.SecondaryUse, somebody, c{}, true, ""},
		{"a token is limited to its scopes", token, access.FindingRead, north, c{}, false, ""},
		{"and reaches all of them", token, access.LevelGovern, north, c{}, true, ""},
		{"a peer stores", as("", access.Peer), access.ObjectStore, north, c{}, true, ""},
		{"and queries only if it may", as("", access.Peer), access.StudyFind, north, c{}, false, ""},
		{"nobody may nothing", access.Who{}, access.PageRead, north, c{}, false, access.NeedSignIn},
		{"nobody stays nobody with a role", access.Who{Grants: access.Everywhere(access.Roles()...)}, access.PageRead, north, c{}, false, access.NeedSignIn},
		{"the program itself may nothing through a door", access.System("dose"), access.AggregateRead, north, c{}, false, ""},
		{"an act nobody wrote down", as("", access.Roles()...), "dose.level.forge", north, c{Fresh: true}, false, ""},
	} {
		d, err := r.Decide(test.who, test.act, test.subject, test.given)
		if err != nil || d.Allowed != test.want || d.Need != test.need {
			t.Errorf("%s: Decide = %+v, %v; want %v, need %q", test.name, d, err, test.want, test.need)
		}
		if d.Allowed && len(d.Why) == 0 {
			t.Errorf("%s: allowed by no policy", test.name)
		}
	}
}

// TestEveryActCounts holds the acts against the policies: an act that nobody may do
// would be a door that is always shut, and a role that may nothing a slip.
func TestEveryActCounts(t *testing.T) {
	r := rules(t)
	usual := access.Circumstances{Fresh: true, Referred: true, Granted: true, Own: true}
	may := func(role access.Role, act access.Act) bool {
		d, err := r.Decide(access.Who{ID: "1", Grants: access.Everywhere(role)}, act, access.Subject{Site: "x", Person: "p"}, usual)
		if err != nil {
			t.Fatal(err)
		}
		return d.Allowed
	}
	for _, act := range access.Acts() {
		found := false
		for _, role := range access.Roles() {
			found = found || may(role, act)
		}
		if !found {
			t.Errorf("nobody may do %s", act)
		}
	}
	for _, role := range access.Roles() {
		found := false
		for _, act := range access.Acts() {
			found = found || act != access.PageRead && act != access.OwnChange && may(role, act)
		}
		if !found {
			t.Errorf("the role %s may nothing of its own", role)
		}
	}
}

func TestCheck(t *testing.T) {
	ctx := access.With(t.Context(), access.Who{ID: "1", Grants: access.Everywhere(access.Learner)})
	if err := access.Check(ctx, access.AggregateRead, access.Subject{Site: "north"}); err != nil {
		t.Errorf("Check = %v; want nil", err)
	}
	if err := access.Check(ctx, access.RoomName, access.Subject{Site: "north"}); fault.Of(err) != fault.Forbidden {
		t.Errorf("Check = %v; want forbidden", err)
	}
	err := access.Check(t.Context(), access.PageRead, access.Subject{})
	if fault.Of(err) != fault.Forbidden || access.Need(err) != access.NeedSignIn {
		t.Errorf("Check without anybody = %v; want forbidden until somebody signs in", err)
	}
}

func TestFresh(t *testing.T) {
	clock := now()
	judge := &access.Judge{Rules: rules(t), Now: func() time.Time { return clock }}
	who := access.Who{ID: "1", Grants: access.Everywhere(access.Administrator), SignedAt: clock}
	ctx := access.WithJudge(access.With(t.Context(), who), judge)
	for _, c := range []struct {
		name string
		at   time.Duration
		want string
	}{
		{"at once", 0, ""},
		{"a while later", 16 * time.Minute, access.NeedFresh},
		{"the clock stepped back a little", -30 * time.Second, ""},
		{"the clock stepped back far", -time.Hour, access.NeedFresh},
	} {
		clock = who.SignedAt.Add(c.at)
		if got := access.Need(access.Check(ctx, access.UserChange, access.Subject{})); got != c.want {
			t.Errorf("%s: need %q; want %q", c.name, got, c.want)
		}
	}
}

func TestUsers(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for range 2 { // the second start finds the user
			if _, err := access.Open(ctx, d, now); err != nil {
				t.Fatal(err)
			}
		}
		users, err := access.Open(ctx, d, now)
		if err != nil {
			t.Fatal(err)
		}
		want := access.Who{ID: access.Local, Name: "Local user", Grants: access.Everywhere(access.People()...)}
		got, err := users.Who(ctx, access.Local)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Who: %v (-want +got):\n%s", err, diff)
		}
		var id string
		write := func(fn func(tx *db.Tx) error) error { return d.Write(ctx, fn) }
		err = write(func(tx *db.Tx) (err error) {
			id, err = users.Add(ctx, tx, access.User{Login: " Meg ", Name: "Meg", Grants: access.At("north", access.Physicist)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		meg, err := users.ByLogin(ctx, "MEG")
		if err != nil || meg.ID != id || !meg.Who().Is(access.Physicist) || len(meg.Who().Roles("south")) != 0 {
			t.Errorf("ByLogin = %+v, %v; want the physicist of north", meg, err)
		}
		err = write(func(tx *db.Tx) error {
			_, err := users.Add(ctx, tx, access.User{Login: "meg", Name: "Another"})
			return err
		})
		if fault.Of(err) != fault.Conflict {
			t.Errorf("Add with a login that is taken = %v; want conflict", err)
		}
		if physicists, err := users.InRole(ctx, access.Physicist, "north"); err != nil || len(physicists) != 2 {
			t.Errorf("InRole = %v, %v; want both", physicists, err)
		}
		meg.Grants = access.Everywhere(access.Auditor)
		if err := write(func(tx *db.Tx) error { return users.Change(ctx, tx, meg) }); err != nil {
			t.Fatal(err)
		}
		if meg, err = users.User(ctx, id); err != nil || meg.Who().Is(access.Physicist) || !meg.Who().Is(access.Auditor) {
			t.Errorf("after Change: %+v, %v", meg, err)
		}
		if err := write(func(tx *db.Tx) error { return users.End(ctx, tx, id, true) }); err != nil {
			t.Fatal(err)
		}
		if _, err := users.Who(ctx, id); fault.Of(err) != fault.Forbidden {
			t.Errorf("Who of somebody who left = %v; want forbidden", err)
		}
		if _, err := users.Who(ctx, "nobody"); fault.Of(err) != fault.NotFound {
			t.Errorf("Who(nobody) = %v; want not found", err)
		}
		if all, err := users.All(ctx); err != nil || len(all) != 1 {
			t.Errorf("All = %v, %v; want the local user", all, err)
		}
	})
}

func TestRelations(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		clock := now()
		tick := func() time.Time { return clock }
		if _, err := access.Open(ctx, d, tick); err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}, Now: tick})
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		facts := &access.Facts{DB: d, Journal: j, Now: tick, Opened: func(context.Context, *db.Tx, access.Relation) error { told++; return nil }}
		judge := &access.Judge{Rules: rules(t), Facts: facts, Now: tick}
		ref := access.Who{ID: "ref", Grants: access.Everywhere(access.Referrer)}
		ctx = access.WithJudge(access.With(ctx, ref), judge)
		subject := access.Subject{Site: "north", Person: "p"}
		may := func() error { return access.Check(ctx, access.ObjectRead, subject) }
		if err := may(); access.Need(err) != access.NeedGlass {
			t.Errorf("a stranger: %v; want emergency access as the way", err)
		}
		if err := facts.Break(ctx, subject, "short", time.Hour); fault.Of(err) != fault.Invalid {
			t.Errorf("Break without a reason = %v; want invalid", err)
		}
		if err := facts.Break(ctx, subject, "unconscious after a fall, history needed", time.Hour); err != nil || told != 1 {
			t.Fatalf("Break = %v, told %d times", err, told)
		}
		if err := may(); err != nil {
			t.Errorf("after Break: %v", err)
		}
		clock = clock.Add(time.Hour)
		if err := may(); err == nil {
			t.Error("an hour later it is still open")
		}
		err = d.Write(ctx, func(tx *db.Tx) error {
			_, err := facts.Relate(ctx, tx, access.Relation{Site: "north", User: "ref", Kind: access.Referred, Person: "p"})
			return err
		})
		if err != nil || may() != nil {
			t.Errorf("after a referral: %v, %v", err, may())
		}
		person := access.Person{Site: "north", ID: "p"}
		wish := func(holds bool) error {
			return d.Write(ctx, func(tx *db.Tx) error {
				return facts.Wish(ctx, tx, person, access.Restricted, holds, "asked in writing")
			})
		}
		if err := wish(true); err != nil || may() == nil {
			t.Errorf("restricted: %v, still open: %v", err, may() == nil)
		}
		if err := wish(false); err != nil || may() != nil {
			t.Errorf("no longer restricted: %v, %v", err, may())
		}
		if all, err := facts.Emergencies(ctx, "north", 10); err != nil || len(all) != 1 || all[0].Holds(clock) {
			t.Errorf("Emergencies = %+v, %v; want the one that is over", all, err)
		}
		reach, err := access.ReachOf(ctx, access.ObjectRead, "north")
		if diff := cmp.Diff(access.Reach{Account: "ref", Identity: true}, reach); err != nil || diff != "" {
			t.Errorf("ReachOf: %v (-want +got):\n%s", err, diff)
		}
	})
}

func Example() {
	ctx := access.With(context.Background(), access.Who{ID: "1", Grants: access.Everywhere(access.Auditor)})
	fmt.Println(access.Check(ctx, access.FindingRead, access.Subject{Site: "north"}))
	fmt.Println(access.Check(ctx, access.FindingDecide, access.Subject{Site: "north"}))
	// Output:
	// <nil>
	// finding.state.change: not for the role of 1
}
