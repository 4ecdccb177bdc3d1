// Package trail writes the journal as FHIR AuditEvent and DICOM audit messages, and says who looked at whom.
//
// Every entry of the journal becomes one AuditEvent in the shape of IHE BALP
// (fhir.go); what PS3.15 A.5 has a message for becomes one (dicom.go), which Sender
// takes to syslog servers (syslog.go). Looks lists who saw the data of one person
// (look.go). None of it holds the payload of an entry: a person is the pseudonym
// that the journal knows them by.
package trail

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"radagora/journal"
)

// An Installation is who writes: the source of every message.
type Installation struct {
	Name string // of the program's installation, such as the name of the hospital
	Host string // name or address by which others reach it
}

// facts are what the Data of entries may say about how something was done. Rooms
// use these names.
type facts struct {
	Purpose  string    `json:"purpose"`
	Role     string    `json:"role"`
	Door     string    `json:"door"`
	Address  string    `json:"address"`
	Session  string    `json:"session"`
	CallingA string    `json:"calling_ae"`
	Peer     string    `json:"peer"`
	To       string    `json:"to"`
	Study    string    `json:"study"`
	Class    string    `json:"sop_class"`
	Query    string    `json:"query"`
	Outcome  string    `json:"outcome"`
	Request  string    `json:"request"`
	Count    int       `json:"count"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// read reads what the Data of an entry says of it. Data of another shape say
// nothing: each fact is read by itself.
func read(e journal.Entry) (f facts) {
	if json.Unmarshal(e.Data, &f) == nil {
		return f
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(e.Data, &all) != nil {
		return facts{}
	}
	f = facts{}
	for name, into := range map[string]any{
		"purpose": &f.Purpose, "role": &f.Role, "door": &f.Door, "address": &f.Address, "session": &f.Session, "calling_ae": &f.CallingA,
		"peer": &f.Peer, "to": &f.To, "study": &f.Study, "sop_class": &f.Class, "query": &f.Query, "outcome": &f.Outcome, "request": &f.Request,
		"count": &f.Count, "first": &f.First, "last": &f.Last,
	} {
		_ = json.Unmarshal(all[name], into) // not of that shape: not known
	}
	return f
}

// A look is an entry with what is known of it.
type look struct {
	journal.Entry
	facts
	event
}

func of(e journal.Entry) look {
	l := look{Entry: e, facts: read(e), event: eventOf(e.Kind)}
	switch l.Outcome {
	case "refused", "failed", "denied":
		l.outcome = minor
	case "error":
		l.outcome = serious
	}
	l.Payload = nil
	return l
}

// study returns the Study Instance UID an entry is about, "" if none.
func (l *look) study() string {
	if l.Study != "" {
		return l.Study
	}
	if isUID(l.Subject) && !strings.HasPrefix(l.Kind, "archive.instance.") {
		return l.Subject
	}
	return ""
}

// client returns the machine from which something was asked: title or address.
func (l *look) client() string {
	title, _ := strings.CutPrefix(l.Actor, "ae:")
	if title == l.Actor {
		title = ""
	}
	return cmp.Or(l.Address, l.CallingA, title)
}

// program reports whether nobody but the program or a machine acted.
func (l *look) program() bool {
	return strings.HasPrefix(l.Actor, "system") || strings.HasPrefix(l.Actor, "ae:")
}

func isUID(s string) bool {
	if len(s) == 0 || len(s) > 64 || !strings.Contains(s, ".") {
		return false
	}
	for _, r := range s {
		if r != '.' && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
