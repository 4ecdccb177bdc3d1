package trail

import "strings"

// The outcomes of an audit message (RFC 3881 5.1.4, FHIR audit-event-outcome).
const (
	success = 0
	minor   = 4
	serious = 8
)

// A code is a code of DICOM's own ontology (PS3.16 Annex D).
type code struct{ value, meaning string }

// The events of PS3.15 A.5.3 and their types (CID 400, CID 401).
var (
	application   = code{"110100", "Application Activity"}
	logUsed       = code{"110101", "Audit Log Used"}
	transferring  = code{"110102", "Begin Transferring DICOM Instances"}
	accessed      = code{"110103", "DICOM Instances Accessed"}
	transferred   = code{"110104", "DICOM Instances Transferred"}
	studyDeleted  = code{"110105", "DICOM Study Deleted"}
	export        = code{"110106", "Export"}
	imported      = code{"110107", "Import"}
	network       = code{"110108", "Network Entry"}
	patientRecord = code{"110110", "Patient Record"}
	query         = code{"110112", "Query"}
	alert         = code{"110113", "Security Alert"}
	authenticated = code{"110114", "User Authentication"}

	started           = code{"110120", "Application Start"}
	stopped           = code{"110121", "Application Stop"}
	login             = code{"110122", "Login"}
	logout            = code{"110123", "Logout"}
	attach            = code{"110124", "Attach"}
	overrideStarted   = code{"110127", "Emergency Override Started"}
	networkConfigured = code{"110128", "Network Configuration"}
	securityConfig    = code{"110129", "Security Configuration"}
	restricted        = code{"110132", "Use of Restricted Function"}
	objectSecurity    = code{"110135", "Object Security Attributes Changed"}
	rolesChanged      = code{"110136", "Security Roles Changed"}
	userChanged       = code{"110137", "User Security Attributes Changed"}
	overrideStopped   = code{"110138", "Emergency Override Stopped"}
)

// An event is what a kind of entries is in the words of audit messages.
type event struct {
	id      code   // of PS3.15; none if it has no message for it
	sort    code   // type of it, none if it has none
	action  string // C create, R read, U update, D delete, E execute
	rest    string // restful interaction, "" if it is none
	outcome int
}

// events says what kinds are. The longest that fits counts; "*" stands for one word.
var events = map[string]event{
	"archive.instance.stored":      {id: transferred, action: "C", rest: "create"},
	"archive.instance.refused":     {id: transferred, action: "C", rest: "create", outcome: minor},
	"archive.instance.quarantined": {id: transferred, action: "C", rest: "create", outcome: minor},
	"archive.instance.erased":      {id: studyDeleted, action: "D", rest: "delete"},
	"archive.study.erased":         {id: studyDeleted, action: "D", rest: "delete"},
	"archive.study.deleted":        {id: studyDeleted, action: "D", rest: "delete"},
	"archive.study.find":           {id: query, action: "E", rest: "search"},
	"archive.object.read":          {id: accessed, action: "R", rest: "read"},
	"archive.object.import":        {id: imported, action: "C"},
	"archive.object.imported":      {id: imported, action: "C"},
	"archive.object.send":          {id: transferring, action: "E"},
	"archive.object.sent":          {id: transferred, action: "R"},
	"archive.study.exported":       {id: export, action: "R"},
	"archive.*.read":               {id: accessed, action: "R", rest: "read"},
	"archive.*.queried":            {id: query, action: "E", rest: "search"},
	"dose.examination.read":        {id: accessed, action: "R", rest: "read"},
	"access.session.begun":         {id: authenticated, sort: login, action: "E"},
	"access.session.renewed":       {id: authenticated, sort: login, action: "E"},
	"access.session.ended":         {id: authenticated, sort: logout, action: "E"},
	"access.session.refused":       {id: authenticated, sort: login, action: "E", outcome: minor},
	"access.session.failed":        {id: authenticated, sort: login, action: "E", outcome: minor},
	"access.glass.ended":           {id: alert, sort: overrideStopped, action: "E"},
	"access.glass.reviewed":        {id: alert, sort: overrideStopped, action: "E"},
	"access.glass.*":               {id: alert, sort: overrideStarted, action: "E"},
	"access.grant.*":               {id: alert, sort: rolesChanged, action: "U"},
	"access.role.*":                {id: alert, sort: rolesChanged, action: "U"},
	"access.study.*":               {id: alert, sort: objectSecurity, action: "U"},
	"access.wish.*":                {id: alert, sort: objectSecurity, action: "U"},
	"access.station.*":             {id: alert, sort: securityConfig, action: "U"},
	"access.*.refused":             {id: alert, sort: restricted, action: "E", outcome: minor},
	"access.*.*":                   {id: alert, sort: userChanged, action: "U"},
	"person.identity.read":         {id: patientRecord, action: "R", rest: "read"},
	"person.*.*":                   {id: patientRecord, action: "U"},
	"privacy.person.exported":      {id: export, action: "R"},
	"privacy.person.erased":        {id: patientRecord, action: "D"},
	"privacy.person.looked-up":     {id: patientRecord, action: "R", rest: "search"},
	"privacy.person.*":             {id: patientRecord, action: "U"},
	"privacy.breach.*":             {id: alert, sort: restricted, action: "E"},
	"site.peer.*":                  {id: alert, sort: networkConfigured, action: "U"},
	"journal.entry.*":              {id: logUsed, action: "R"},
	"journal.person.read":          {id: logUsed, action: "R"},
	"journal.person.erased":        {id: alert, sort: restricted, action: "D"},
	"journal.prefix.dropped":       {id: alert, sort: restricted, action: "D"},
	"journal.chain.*":              {id: alert, sort: securityConfig, action: "E"},
	"program.process.started":      {id: application, sort: started, action: "E"},
	"program.process.stopped":      {id: application, sort: stopped, action: "E"},
	"peer.association.*":           {id: network, sort: attach, action: "E"},
	"config.*.*":                   {id: alert, sort: securityConfig, action: "U"},
	"backup.*.*":                   {id: export, action: "R"},
}

// verbs says what a kind is that events does not name, by its last word.
var verbs = map[string]event{
	"read": {action: "R", rest: "read"}, "viewed": {action: "R", rest: "read"},
	"find": {action: "E", rest: "search"}, "queried": {action: "E", rest: "search"},
	"export": {id: export, action: "R"}, "exported": {id: export, action: "R"}, "sent": {id: export, action: "R"},
	"import": {id: imported, action: "C"}, "imported": {id: imported, action: "C"},
	"made": {action: "C", rest: "create"}, "added": {action: "C", rest: "create"}, "stored": {action: "C", rest: "create"}, "begun": {action: "C", rest: "create"},
	"removed": {action: "D", rest: "delete"}, "erased": {action: "D", rest: "delete"}, "deleted": {action: "D", rest: "delete"},
	"dropped": {action: "D", rest: "delete"}, "forgotten": {action: "D", rest: "delete"},
	"refused": {action: "E", outcome: minor}, "failed": {action: "E", outcome: minor},
}

// eventOf returns what a kind is.
func eventOf(kind string) event {
	room, rest, _ := strings.Cut(kind, ".")
	noun, verb, _ := strings.Cut(rest, ".")
	for _, k := range []string{kind, room + "." + noun + ".*", room + ".*." + verb} {
		if e, ok := events[k]; ok {
			return e
		}
	}
	last := kind[strings.LastIndexByte(kind, '.')+1:]
	if e, ok := events[room+".*.*"]; ok {
		return e
	}
	if e, ok := verbs[last]; ok {
		return e
	}
	return event{action: "U", rest: "update"}
}
