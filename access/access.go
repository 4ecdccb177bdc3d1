// Package access decides who may do what with whose data, on what legal basis.
//
// A door finds out who asks and puts a Who into the context; everything below
// reads it there and calls Check with an Act and the Subject it concerns. What a
// role may do is content: policies in the Cedar language, read by Open from
// content/access/policy and replaced by a site with its own. The facts a policy
// asks for beside the role are few: the purpose, whether somebody signed in a
// short while ago, whether they referred the patient or were given the study,
// whether they opened the record in an emergency, and whether the person wants
// their data restricted or kept from secondary use.
//
// Sub-packages know how people prove who they are (account, token, idp), how the
// journal leaves the house (trail) and the duties of data protection (privacy).
package access

import (
	"context"
	"slices"
	"time"
)

// A Role is what somebody does in a department.
type Role string

// The roles.
const (
	Administrator     Role = "administrator"
	Physicist         Role = "physicist"
	Radiographer      Role = "radiographer"
	Radiologist       Role = "radiologist"
	Referrer          Role = "referrer"
	Manager           Role = "manager" // of quality
	Steward           Role = "steward" // of data
	ProtectionOfficer Role = "protection-officer"
	Researcher        Role = "researcher"
	Learner           Role = "learner"
	Patient           Role = "patient"
	Auditor           Role = "auditor"
	Peer              Role = "peer" // a machine: a DICOM application or a client of the interfaces
)

// Roles returns all roles in the order in which they are shown. The last is that
// of machines.
func Roles() []Role {
	return []Role{
		Administrator, Physicist, Radiographer, Radiologist, Referrer, Manager, Steward,
		ProtectionOfficer, Researcher, Learner, Patient, Auditor, Peer,
	}
}

// People returns the roles that a person may have.
func People() []Role { return slices.DeleteFunc(Roles(), func(r Role) bool { return r == Peer }) }

// A Grant is a role at a site.
type Grant struct {
	Role Role
	Site string // "" means every site of the installation
}

// Everywhere returns grants of roles at every site.
func Everywhere(roles ...Role) []Grant { return At("", roles...) }

// At returns grants of roles at one site.
func At(site string, roles ...Role) []Grant {
	grants := make([]Grant, len(roles))
	for i, r := range roles {
		grants[i] = Grant{Role: r, Site: site}
	}
	return grants
}

// A Purpose says what for. The codes are those of HL7 v3 PurposeOfUse.
type Purpose string

// The purposes the policies know.
const (
	Treatment   Purpose = "TREAT"
	BreakGlass  Purpose = "BTG"
	Operations  Purpose = "HOPERAT"
	Quality     Purpose = "HQUALIMP"
	Safety      Purpose = "PATSFTY"
	Research    Purpose = "HRESCH"
	OwnRequest  Purpose = "PATRQT"
	PublicGood  Purpose = "PUBHLTH"
	SystemAdmin Purpose = "HSYSADMIN"
	Legal       Purpose = "HLEGAL"
	Training    Purpose = "TRAIN"
)

// A Who is somebody who asks. The zero Who is nobody and may nothing.
type Who struct {
	ID        string // of the account; "ae:TITLE" for a DICOM peer, "system:NAME" for the program
	Name      string // as shown to colleagues
	Grants    []Grant
	Purpose   Purpose   // "" means the usual one of the role
	Patient   string    // whom a patient's account belongs to, as journal and archive name the person
	Only      string    // the one person a token is limited to, as journal and archive name them; "" means no limit
	Study     string    // the one study a ticket is limited to, "" means no limit
	Scopes    []string  // acts a token is limited to, "room.*" for all of a room; nil means no limit
	Resources []string  // SMART scopes a token is limited to, where resources are asked for; nil means no limit
	Session   string    // id of the session or token, for the journal
	SignedAt  time.Time // last time they proved who they are; zero for machines
	Door      string    // page, api, dimse, command
}

// Is reports whether who has the role at any site.
func (w Who) Is(r Role) bool {
	return slices.ContainsFunc(w.Grants, func(g Grant) bool { return g.Role == r })
}

// Roles returns the roles that hold at a site, in the order of Roles.
func (w Who) Roles(site string) []Role {
	return slices.DeleteFunc(Roles(), func(r Role) bool {
		return !slices.ContainsFunc(w.Grants, func(g Grant) bool {
			return g.Role == r && (g.Site == "" || g.Site == site)
		})
	})
}

// usual is what a role asks for when it names no purpose.
var usual = map[Role]Purpose{
	Radiologist: Treatment, Radiographer: Treatment, Referrer: Treatment, Peer: Treatment,
	Physicist: Safety, Manager: Quality, Steward: Operations, Administrator: SystemAdmin,
	ProtectionOfficer: Legal, Auditor: Quality, Researcher: Research, Learner: Training, Patient: OwnRequest,
}

// For returns the purpose that holds at a site: the one they named, or the usual
// one of the first of their roles in treatment, then of any.
func (w Who) For(site string) Purpose {
	if w.Purpose != "" {
		return w.Purpose
	}
	roles := w.Roles(site)
	for _, r := range roles {
		if usual[r] == Treatment {
			return Treatment
		}
	}
	if len(roles) == 0 {
		return ""
	}
	return usual[roles[0]]
}

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
