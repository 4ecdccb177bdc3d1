// Package access decides who may do what with whose data, on what legal basis.
//
// A door finds out who asks and puts a Who into the context; everything below
// reads it there. What a role may do is one table, policy.go. This first cut knows
// users of the program and one local user who is made at first start; sign-in,
// purposes and legal bases come with the doors that need them.
package access

import (
	"context"
	"slices"

	"radagora/fault"
)

// A Role is what somebody does in a department.
type Role string

// The roles.
const (
	Physicist     Role = "physicist"
	Radiographer  Role = "radiographer"
	Radiologist   Role = "radiologist"
	Manager       Role = "manager"
	Administrator Role = "administrator"
	Viewer        Role = "viewer"
)

// Roles returns all roles in the order in which they are shown.
func Roles() []Role {
	return []Role{Physicist, Radiographer, Radiologist, Manager, Administrator, Viewer}
}

// A Who is somebody who asks. The zero Who is nobody and may nothing.
type Who struct {
	ID    string
	Name  string // as shown to colleagues
	Roles []Role
	Site  string // where the roles hold; "" means every site of the installation
}

// Is reports whether who has the role.
func (w Who) Is(r Role) bool { return slices.Contains(w.Roles, r) }

// whoKey is the key of a Who in a context.
type whoKey struct{}

// With returns a context in which who asks.
func With(ctx context.Context, who Who) context.Context {
	return context.WithValue(ctx, whoKey{}, who)
}

// From returns who asks: the zero Who if no door said so.
func From(ctx context.Context) Who {
	who, _ := ctx.Value(whoKey{}).(Who)
	return who
}

// System is who acts when the program acts by itself, such as a consumer of the
// journal. It may nothing through a door.
func System(name string) Who { return Who{ID: "system:" + name, Name: name} }

// Check returns an error of kind Forbidden unless whoever asks may do act to subject.
func Check(ctx context.Context, act Act, subject Subject) error {
	who := From(ctx)
	switch {
	case Can(who, act, subject):
		return nil
	case who.ID == "":
		return fault.Errorf(fault.Forbidden, "%s: nobody is signed in", act)
	}
	return fault.Errorf(fault.Forbidden, "%s: not for the role of %s", act, who.ID)
}
