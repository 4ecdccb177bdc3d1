package access

import "slices"

// An Act is something one may or may not do: room, noun, verb.
type Act string

// The acts. A page or command asks for one of them by name.
const (
	PageRead       Act = "web.page.read"           // every page and table without patient identity
	ObjectRead     Act = "archive.object.read"     // DICOM objects, with identity
	ObjectImport   Act = "archive.object.import"   // files into the archive
	ObjectSend     Act = "archive.object.send"     // objects to a peer
	JournalRead    Act = "journal.entry.read"      // what happened
	TableExport    Act = "export.table.write"      // CSV, XLSX of what a page shows
	SiteChange     Act = "site.site.change"        // name, country, time zone, peers
	RoomName       Act = "site.room.name"          // rooms and machines: names, moves, merges
	MappingApprove Act = "dose.mapping.approve"    // local name to examination and indication
	LevelGovern    Act = "dose.level.govern"       // which set of levels governs
	FindingDecide  Act = "finding.state.change"    // owner, state, note, due date
	ContentCheck   Act = "content.set.check"       // list and check content
	UserChange     Act = "access.user.change"      // users and roles
	DemoLoad       Act = "demo.year.load"          // load the demonstration
	Rebuild        Act = "journal.consumer.rewind" // derive everything again
)

// A Subject is whose data an act concerns.
type Subject struct {
	Site   string // "" means the installation as a whole
	Person string // key of a patient, "" if nobody in particular
}

// everybody are all roles.
var everybody = Roles()

// policy says which roles may do what. What does not stand here nobody may.
var policy = map[Act][]Role{
	PageRead:       everybody,
	ContentCheck:   everybody,
	ObjectRead:     {Physicist, Radiographer, Radiologist, Administrator},
	ObjectImport:   {Physicist, Radiographer, Administrator},
	ObjectSend:     {Radiographer, Radiologist, Administrator},
	JournalRead:    {Physicist, Manager, Administrator},
	TableExport:    {Physicist, Radiologist, Manager, Administrator},
	SiteChange:     {Administrator},
	RoomName:       {Physicist, Administrator},
	MappingApprove: {Physicist},
	LevelGovern:    {Physicist},
	FindingDecide:  {Physicist, Radiographer, Radiologist, Manager},
	UserChange:     {Administrator},
	DemoLoad:       {Physicist, Administrator},
	Rebuild:        {Administrator},
}

// Acts returns every act and the roles that may do it.
func Acts() map[Act][]Role {
	all := map[Act][]Role{}
	for act, roles := range policy {
		all[act] = slices.Clone(roles)
	}
	return all
}

// Can reports whether who may do act to subject: one of the roles may, and it
// holds where the subject is. Roles of one site do not hold for the installation
// as a whole.
func Can(who Who, act Act, subject Subject) bool {
	if who.ID == "" || who.Site != "" && who.Site != subject.Site {
		return false
	}
	return slices.ContainsFunc(policy[act], who.Is)
}
