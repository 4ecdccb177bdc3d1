package dimse

import (
	"maps"
	"slices"
	"strings"

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

// Contexts says how an acceptor takes what it serves. The zero value takes every
// storage class of the standard, retired ones included, in every transfer syntax
// this program can read the header of; of those a peer proposes, the first.
type Contexts struct {
	// Private takes classes the standard does not know as storage classes, too.
	Private bool
	// Classes are the storage classes taken; nil is all, and with any Private is not asked.
	Classes []uid.UID
	// Syntaxes are the transfer syntaxes for storage; nil is StorageSyntaxes.
	Syntaxes []uid.UID
	// Preferred are taken before what a peer proposes first, in this order. That
	// makes some senders decompress what they have.
	Preferred []uid.UID
	// Options are what is agreed to of the SOP class extended negotiation of queries.
	Options Options
	// Coerces says that elements may be changed on arrival, for the SOP class extended
	// negotiation of storage (PS3.4 Table B.3-2).
	Coerces bool
}

// A Service is a row of the table of what an entity serves: a SOP class, and in which
// roles a requestor may have it.
type Service struct {
	Class    uid.UID
	Name     string
	Kind     ServiceKind
	Retired  bool
	SCU, SCP bool // the roles the requestor may have
	Syntaxes []uid.UID
}

// A ServiceKind says what a SOP class is for.
type ServiceKind string

// The kinds of services.
const (
	Verifying  ServiceKind = "verification"
	Storing    ServiceKind = "storage"
	Querying   ServiceKind = "query"
	Moving     ServiceKind = "move"
	Getting    ServiceKind = "get"
	Scheduling ServiceKind = "worklist"
	Normalised ServiceKind = "normalised" // DIMSE-N
)

// models are the information models of query and retrieve that are served: PS3.4
// Table C.6.1-1 and following, and the retired ones.
var models = []struct {
	class uid.UID
	kind  ServiceKind
}{
	{uid.PatientRootQueryRetrieveInformationModelFind, Querying},
	{uid.StudyRootQueryRetrieveInformationModelFind, Querying},
	{uid.PatientStudyOnlyQueryRetrieveInformationModelFind, Querying},
	{uid.ModalityWorklistInformationModelFind, Scheduling},
	{uid.PatientRootQueryRetrieveInformationModelMove, Moving},
	{uid.StudyRootQueryRetrieveInformationModelMove, Moving},
	{uid.PatientStudyOnlyQueryRetrieveInformationModelMove, Moving},
	{uid.PatientRootQueryRetrieveInformationModelGet, Getting},
	{uid.StudyRootQueryRetrieveInformationModelGet, Getting},
	{uid.PatientStudyOnlyQueryRetrieveInformationModelGet, Getting},
}

// verificationSyntaxes are for Verification, which has no data sets.
var verificationSyntaxes = []uid.UID{uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian}

// querySyntaxes are for identifiers and the data sets of DIMSE-N.
var querySyntaxes = []uid.UID{
	uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian,
}

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

// Services returns the table of what is negotiated for the title: Verification, the
// storage classes by UID, the information models, the classes of DIMSE-N by UID.
// Private classes have no row.
func (t *Title) Services() []Service {
	row := func(class uid.UID, kind ServiceKind, syntaxes []uid.UID) Service {
		e, _ := uid.Lookup(class)
		return Service{Class: class, Name: e.Name, Kind: kind, Retired: e.Retired, SCU: true, Syntaxes: syntaxes}
	}
	rows := []Service{row(uid.Verification, Verifying, verificationSyntaxes)}
	if t.Store != nil || t.Retrieve != nil {
		syntaxes := t.Contexts.syntaxes()
		for e := range uid.All() {
			if e.Storage && (t.Contexts.Classes == nil || slices.Contains(t.Contexts.Classes, e.UID)) {
				rows = append(rows, t.storing(row(e.UID, Storing, syntaxes)))
			}
		}
	}
	served := map[ServiceKind]bool{Querying: t.Find != nil, Scheduling: t.Worklist != nil, Moving: t.Retrieve != nil, Getting: t.Retrieve != nil}
	for _, m := range models {
		if served[m.kind] {
			rows = append(rows, row(m.class, m.kind, querySyntaxes))
		}
	}
	classes := slices.Collect(maps.Keys(t.Normal))
	for class := range t.Events {
		if t.Normal[class] == nil {
			classes = append(classes, class)
		}
	}
	slices.SortFunc(classes, func(a, b uid.UID) int { return strings.Compare(a.String(), b.String()) })
	for _, class := range classes {
		r := row(class, Normalised, querySyntaxes)
		r.SCU, r.SCP = t.Normal[class] != nil, t.Events[class] != nil
		rows = append(rows, r)
	}
	return rows
}

// storing gives the row of a storage class its roles: whoever stores is the SCU,
// whoever fetches by C-GET the SCP.
func (t *Title) storing(s Service) Service {
	s.SCU, s.SCP = t.Store != nil, t.Retrieve != nil
	return s
}

// A Context is a presentation context of an association.
type Context struct {
	ID             uint8
	SOPClass       uid.UID
	TransferSyntax uid.UID // the one accepted
	Result         Result
	SCU, SCP       bool // the roles the requestor has
}

// A negotiator answers proposals by the table of a title.
type negotiator struct {
	*Title
	rows  map[uid.UID]*Service
	known map[ServiceKind]map[uid.UID]bool // transfer syntaxes
}

func newNegotiator(t *Title) *negotiator {
	query := set(querySyntaxes)
	n := &negotiator{Title: t, rows: map[uid.UID]*Service{}, known: map[ServiceKind]map[uid.UID]bool{
		Verifying: set(verificationSyntaxes), Storing: set(t.Contexts.syntaxes()),
		Querying: query, Scheduling: query, Moving: query, Getting: query, Normalised: query,
	}}
	for _, s := range t.Services() {
		n.rows[s.Class] = &s
	}
	return n
}

func set(all []uid.UID) map[uid.UID]bool {
	m := make(map[uid.UID]bool, len(all))
	for _, u := range all {
		m[u] = true
	}
	return m
}

// service returns the row for a class. Classes that the standard does not know are
// storage where they are taken.
func (n *negotiator) service(class uid.UID) (Service, bool) {
	if s := n.rows[class]; s != nil {
		return *s, true
	}
	if _, known := uid.Lookup(class); known || !n.Contexts.Private || n.Contexts.Classes != nil || n.Store == nil && n.Retrieve == nil {
		return Service{}, false
	}
	return n.storing(Service{Class: class, Kind: Storing}), true
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
	s, ok := n.service(class)
	if !ok {
		out.Result = AbstractSyntaxNotSupported
		return out
	}
	scu, scp := true, false
	if i := slices.IndexFunc(roles, func(r role) bool { return r.class == p.abstract }); i >= 0 {
		scu, scp = roles[i].scu, roles[i].scp
	}
	if scu, scp = scu && s.SCU, scp && s.SCP; !scu && !scp {
		out.Result = UserRejection // not in that role
		return out
	}
	out.TransferSyntax, out.Result = n.choose(p.syntaxes, n.known[s.Kind], s.Kind == Storing && scp)
	if out.Result == Accepted {
		out.SCU, out.SCP = scu, scp
	}
	return out
}

// readable are preferred where we shall be the ones who send: into them anything can
// be made that can be decoded.
var readable = []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}

// choose picks a transfer syntax among those proposed.
func (n *negotiator) choose(proposed []string, known map[uid.UID]bool, sending bool) (uid.UID, Result) {
	var able []uid.UID
	for _, s := range proposed {
		if u, err := uid.Parse(s); err == nil && known[u] {
			able = append(able, u)
		}
	}
	if len(able) == 0 {
		return uid.UID{}, TransferSyntaxesNotSupported
	}
	preferred := n.Contexts.Preferred
	if sending {
		preferred = readable
	}
	for _, u := range preferred {
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

// acceptedRoles answers role selections: for each class that was accepted, the roles
// that the requestor has.
func acceptedRoles(proposed []role, contexts []Context) []role {
	var out []role
	for _, r := range proposed {
		i := slices.IndexFunc(contexts, func(c Context) bool { return c.Result == Accepted && c.SOPClass.String() == r.class })
		if i >= 0 {
			out = append(out, role{class: r.class, scu: contexts[i].SCU, scp: contexts[i].SCP})
		}
	}
	return out
}
