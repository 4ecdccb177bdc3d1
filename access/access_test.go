package access_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func TestCan(t *testing.T) {
	physicist := access.Who{ID: "1", Roles: []access.Role{access.Physicist}, Site: "north"}
	viewer := access.Who{ID: "2", Roles: []access.Role{access.Viewer}}
	north, south := access.Subject{Site: "north"}, access.Subject{Site: "south"}
	for _, c := range []struct {
		name    string
		who     access.Who
		act     access.Act
		subject access.Subject
		want    bool
	}{
		{"a physicist decides about a finding", physicist, access.FindingDecide, north, true},
		{"at the own site only", physicist, access.FindingDecide, south, false},
		{"and not for the whole installation", physicist, access.JournalRead, access.Subject{}, false},
		{"a physicist makes no users", physicist, access.UserChange, north, false},
		{"a viewer reads everywhere", viewer, access.PageRead, south, true},
		{"a viewer decides nothing", viewer, access.FindingDecide, south, false},
		{"a viewer sees no identity", viewer, access.ObjectRead, south, false},
		{"nobody may nothing", access.Who{}, access.PageRead, north, false},
		{"nobody stays nobody with a role", access.Who{Roles: access.Roles()}, access.PageRead, north, false},
		{"the program itself may nothing through a door", access.System("dose"), access.PageRead, north, false},
		{"an act nobody wrote down", access.Who{ID: "3", Roles: access.Roles()}, "dose.level.forge", north, false},
	} {
		if got := access.Can(c.who, c.act, c.subject); got != c.want {
			t.Errorf("%s: Can = %v; want %v", c.name, got, c.want)
		}
	}
}

func TestEveryRoleCounts(t *testing.T) {
	for _, role := range access.Roles() {
		found := false
		for _, roles := range access.Acts() {
			found = found || slices.Contains(roles, role)
		}
		if !found {
			t.Errorf("the role %s may nothing", role)
		}
	}
}

func TestCheck(t *testing.T) {
	ctx := access.With(t.Context(), access.Who{ID: "1", Roles: []access.Role{access.Viewer}})
	if err := access.Check(ctx, access.PageRead, access.Subject{Site: "north"}); err != nil {
		t.Errorf("Check = %v; want nil", err)
	}
	if err := access.Check(ctx, access.RoomName, access.Subject{Site: "north"}); fault.Of(err) != fault.Forbidden {
		t.Errorf("Check = %v; want forbidden", err)
	}
	if err := access.Check(t.Context(), access.PageRead, access.Subject{}); fault.Of(err) != fault.Forbidden {
		t.Errorf("Check without anybody = %v; want forbidden", err)
	}
}

func TestLocalUser(t *testing.T) {
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
		want := access.Who{ID: access.Local, Name: "Local user", Roles: access.Roles()}
		got, err := users.Who(ctx, access.Local)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Who: %v (-want +got):\n%s", err, diff)
		}
		all, err := users.All(ctx)
		if diff := cmp.Diff([]access.Who{want}, all); err != nil || diff != "" {
			t.Errorf("All: %v (-want +got):\n%s", err, diff)
		}
		if _, err := users.Who(ctx, "nobody"); fault.Of(err) != fault.NotFound {
			t.Errorf("Who(nobody) = %v; want not found", err)
		}
		err = d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `update access_user set ended_at = 1, roles = 'physicist wizard'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := users.Who(ctx, access.Local); fault.Of(err) != fault.Forbidden {
			t.Errorf("Who of somebody who left = %v; want forbidden", err)
		}
		if all, err := users.All(ctx); err != nil || len(all) != 0 {
			t.Errorf("All = %v, %v; want nobody", all, err)
		}
	})
}

func Example() {
	ctx := access.With(context.Background(), access.Who{ID: "1", Roles: []access.Role{access.Viewer}})
	fmt.Println(access.Check(ctx, access.PageRead, access.Subject{Site: "north"}))
	fmt.Println(access.Check(ctx, access.FindingDecide, access.Subject{Site: "north"}))
	// Output:
	// <nil>
	// finding.state.change: not for the role of 1
}
