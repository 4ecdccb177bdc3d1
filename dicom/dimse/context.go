package dimse

import (
	"slices"

	"radagora/dicom/uid"
)

// Presentation contexts: what an acceptor takes is one table, from which the
// conformance statement can be generated.

// Result is the answer to a proposed presentation context, PS3.8 Table 9-18.
type Result uint8

// The results.
const (
	Accepted                     Result = 0
	UserRejection                Result = 1 // the class, but not in that role
	NoReason                     Result = 2 // the proposal makes no sense
	AbstractSyntaxNotSupported   Result = 3
	TransferSyntaxesNotSupported Result = 4
	unanswered                   Result = 255
)

// Contexts says what an acceptor takes. The zero value takes Verification and every
// storage class of the standard, retired ones included, in every transfer syntax
// this program can read the header of; of those a peer proposes, the first.
type Contexts struct {
	// Private takes classes the standard does not know as storage classes, too.
	Private bool
	// Syntaxes are the transfer syntaxes for storage; nil is StorageSyntaxes.
	Syntaxes []uid.UID
	// Preferred are taken before what a peer proposes first, in this order. That
	// makes some senders decompress what they have.
	Preferred []uid.UID
}

// A Service is a row of the table: a SOP class this program is the SCP of.
type Service struct {
	Class    uid.UID
	Name     string
	Retired  bool
	Syntaxes []uid.UID
}

// verificationSyntaxes are for Verification, which has no data sets.
var verificationSyntaxes = []uid.UID{uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian}

// notStored are transfer syntaxes that no data set in a file or a C-STORE has.
var notStored = map[uid.UID]bool{
	uid.RFC2557MIMEEncapsulation:                        true, // PS3.5 A.4.9, retired: of a MIME part
	uid.XMLEncoding:                                     true, // retired
	uid.SMPTEST211020UncompressedProgressiveActiveVideo: true, // PS3.22: real-time video
	uid.SMPTEST211020UncompressedInterlacedActiveVideo:  true,
	uid.SMPTEST211030PCMDigitalAudio:                    true,
}

// StorageSyntaxes returns every transfer syntax that storage takes by default.
func StorageSyntaxes() []uid.UID {
	var all []uid.UID
	for e := range uid.All() {
		_, known := uid.SyntaxOf(e.UID)
		if e.Type == "Transfer Syntax" && known && !notStored[e.UID] {
			all = append(all, e.UID)
		}
	}
	return append(all, uid.GEPrivateImplicitVRBigEndian)
}

// syntaxes returns the transfer syntaxes for storage.
func (c *Contexts) syntaxes() []uid.UID {
	if c.Syntaxes != nil {
		return c.Syntaxes
	}
	return StorageSyntaxes()
}

// Services returns the table: Verification, then the storage classes by UID. Private
// classes have no row.
func (c *Contexts) Services() []Service {
	rows := []Service{{Class: uid.Verification, Name: uid.Name(uid.Verification), Syntaxes: verificationSyntaxes}}
	syntaxes := c.syntaxes()
	for e := range uid.All() {
		if e.Storage {
			rows = append(rows, Service{e.UID, e.Name, e.Retired, syntaxes})
		}
	}
	return rows
}

// A Context is a presentation context of an association.
type Context struct {
	ID             uint8
	SOPClass       uid.UID
	TransferSyntax uid.UID // the one accepted
	Result         Result
}

// storage reports whether objects of class may be stored.
func (c *Contexts) storage(class uid.UID) bool {
	if uid.IsStorage(class) {
		return true
	}
	_, known := uid.Lookup(class)
	return c.Private && !known
}

// A negotiator answers proposals by a Contexts.
type negotiator struct {
	*Contexts
	known map[uid.UID]bool // transfer syntaxes for storage
	plain map[uid.UID]bool // and for Verification
}

func newNegotiator(c *Contexts) *negotiator {
	return &negotiator{c, set(c.syntaxes()), set(verificationSyntaxes)}
}

func set(all []uid.UID) map[uid.UID]bool {
	m := make(map[uid.UID]bool, len(all))
	for _, u := range all {
		m[u] = true
	}
	return m
}

// answer decides about one proposal, PS3.8 section 7.1.1.13. The roles are those
// the requestor proposes for the class; without any it is the SCU (PS3.7 section
// D.3.3.4).
func (n *negotiator) answer(p contextItem, roles []role) Context {
	out := Context{ID: p.id, Result: NoReason}
	class, err := uid.Parse(p.abstract)
	if err != nil || len(p.syntaxes) == 0 {
		return out
	}
	out.SOPClass = class
	known := n.known
	switch {
	case class == uid.Verification:
		known = n.plain
	case !n.storage(class):
		out.Result = AbstractSyntaxNotSupported
		return out
	}
	if slices.ContainsFunc(roles, func(r role) bool { return r.class == p.abstract && !r.scu }) {
		out.Result = UserRejection // it would have us be the SCU
		return out
	}
	out.TransferSyntax, out.Result = n.choose(p.syntaxes, known)
	return out
}

// choose picks a transfer syntax among those proposed.
func (n *negotiator) choose(proposed []string, known map[uid.UID]bool) (uid.UID, Result) {
	var able []uid.UID
	for _, s := range proposed {
		if u, err := uid.Parse(s); err == nil && known[u] {
			able = append(able, u)
		}
	}
	if len(able) == 0 {
		return uid.UID{}, TransferSyntaxesNotSupported
	}
	for _, u := range n.Preferred {
		if slices.Contains(able, u) {
			return u, Accepted
		}
	}
	return able[0], Accepted
}

// item returns c as it stands in an A-ASSOCIATE-AC. Where nothing was accepted, the
// transfer syntax is there and not looked at (PS3.8 Table 9-18).
func (c Context) item() contextItem {
	syntax := c.TransferSyntax
	if syntax.IsZero() {
		syntax = uid.ImplicitVRLittleEndian
	}
	return contextItem{id: c.ID, result: c.Result, syntaxes: []string{syntax.String()}}
}

// acceptedRoles answers role selections: the requestor may be SCU, and nothing else,
// of the classes that were accepted.
func acceptedRoles(proposed []role, contexts []Context) []role {
	var out []role
	for _, r := range proposed {
		if slices.ContainsFunc(contexts, func(c Context) bool { return c.Result == Accepted && c.SOPClass.String() == r.class }) {
			out = append(out, role{class: r.class, scu: r.scu})
		}
	}
	return out
}
