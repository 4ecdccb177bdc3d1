package trail_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access/trail"
	"radagora/fhir"
	"radagora/journal"
)

var here = trail.Installation{Name: "Radagora, Test Hospital", Host: "dose.hospital.example"}

var at = time.Date(2026, 3, 1, 8, 30, 0, 250e6, time.UTC)

const person = "019ca87b-9d5a-7000-8000-00000000000a"

func entry(kind, actor, subject, data string) journal.Entry {
	return journal.Entry{
		Seq: 7, ID: "019ca87b-9d5a-7000-8000-000000000001", Site: "main", At: at, Actor: actor, Kind: kind, Subject: subject,
		Data: json.RawMessage(data), Payload: json.RawMessage(`{"name":"LEAK^CANARY"}`),
	}
}

func about(e journal.Entry) journal.Entry {
	e.PersonKey = person
	return e
}

// entries are one of each sort.
var entries = []journal.Entry{
	about(entry("archive.instance.stored", "ae:CT1", "1.2.3.4", `{"study":"1.2.3","sop_class":"1.2.840.10008.5.1.4.1.1.2","door":"dimse","calling_ae":"CT1"}`)),
	about(entry("archive.object.read", "acc-1", "1.2.3", `{"purpose":"TREAT","role":"radiologist learner","door":"page","address":"10.0.0.7","count":3,"first":"2026-03-01T08:30:00Z","last":"2026-03-01T08:30:40Z"}`)),
	about(entry("archive.object.read", "acc-1", "1.2.3", `{}`)),
	about(entry("archive.study.find", "acc-1", "", `{"query":"PatientID=4711&x=1","address":"10.0.0.7","request":"748fd017be542ac5"}`)),
	about(entry("archive.object.send", "acc-1", "1.2.3", `{"to":"PACS2","address":"10.0.0.7"}`)),
	about(entry("privacy.person.exported", "acc-2", "req-1", `{"purpose":"PATRQT","to":"patient"}`)),
	about(entry("archive.study.erased", "acc-2", "1.2.3", `{"address":"10.0.0.8"}`)),
	about(entry("access.glass.opened", "acc-3", "1.2.3", `{"reason":"LEAK^CANARY","purpose":"BTG"}`)),
	entry("access.session.begun", "acc-1", "s-1", `{"address":"2001:db8::1"}`),
	entry("access.session.refused", "system:account", "", `{}`),
	entry("site.peer.changed", "acc-4", "peer-1", `{}`),
	entry("finding.state.changed", "acc-1", "finding-1", `{"count":"many","purpose":"HQUALIMP"}`),
	entry("journal.prefix.dropped", "system:journal", "1-100", `{}`),
	entry("journal.entry.export", "acc-5", "", `{}`),
	entry("dose.table.exported", "acc-5", "rows", `{}`),
	entry("program.process.started", "system:radagora", "", `{}`),
	entry("unheard.of.thing", "acc-1", "", `[1,2]`),
	entry("unheard.of", "acc-1", "x", `"text"`),
}

func TestAuditEventsAreValid(t *testing.T) {
	for _, e := range entries {
		r, err := here.AuditEvent(e)
		if err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		if issues := fhir.Validate(r); len(issues) > 0 {
			t.Errorf("%s: %+v\n%s", e.Kind, issues, r.JSON())
		}
		if strings.Contains(string(r.JSON()), "CANARY") {
			t.Errorf("%s: personal data of the entry are in the event", e.Kind)
		}
		balp(t, e, r)
	}
}

// balp holds an event that names a profile against what the profile fixes.
func balp(t *testing.T, e journal.Entry, r fhir.Resource) {
	t.Helper()
	profile := r.Get("meta.profile").Text()
	if profile == "" {
		return
	}
	text := string(r.JSON())
	name := profile[strings.LastIndexByte(profile, '.')+1:]
	want := map[string][]string{
		"PatientRead":   {`"code":"read"`, `"action":"R"`, `"code":"110152"`, `"code":"110153"`, `"code":"IRCP"`},
		"PatientCreate": {`"code":"create"`, `"action":"C"`, `"code":"110152"`, `"code":"110153"`},
		"PatientQuery":  {`"code":"search"`, `"action":"E"`, `"query":"UGF0aWVudElEPTQ3MTEmeD0x"`, `"code":"24"`},
		"PatientDelete": {`"code":"delete"`, `"action":"D"`, `"code":"110150"`, `"code":"custodian"`, `"code":"CST"`},
	}[name]
	if want == nil {
		t.Errorf("%s: profile %s", e.Kind, profile)
	}
	for _, w := range append(want, `"code":"rest"`, `"outcome":"0"`, `"type":"Patient"`, `"value":"urn:uuid:`+person+`"`) {
		if !strings.Contains(text, w) {
			t.Errorf("%s as %s lacks %s:\n%s", e.Kind, name, w, text)
		}
	}
	if n := strings.Count(text, `"network":`); n < 2 {
		t.Errorf("%s: %d agents have a network; want client and server", e.Kind, n)
	}
}

func TestAuditEventOfARead(t *testing.T) {
	r, err := here.AuditEvent(entries[1])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"AuditEvent","id":"019ca87b-9d5a-7000-8000-000000000001",` +
		`"meta":{"profile":["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead"]},` +
		`"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type","code":"rest","display":"Restful Operation"},` +
		`"subtype":[{"system":"http://hl7.org/fhir/restful-interaction","code":"read","display":"read"},{"code":"archive.object.read"}],"action":"R",` +
		`"period":{"start":"2026-03-01T08:30:00.000Z","end":"2026-03-01T08:30:40.000Z"},"recorded":"2026-03-01T08:30:00.250Z","outcome":"0",` +
		`"agent":[{"type":{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110152","display":"Destination Role ID"}]},"who":{"display":"10.0.0.7"},"requestor":false,"network":{"address":"10.0.0.7","type":"2"}},` +
		`{"type":{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"110153","display":"Source Role ID"}]},"who":{"display":"Radagora, Test Hospital"},"requestor":false,"network":{"address":"dose.hospital.example","type":"1"}},` +
		`{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP","display":"information recipient"}]},"role":[{"text":"radiologist"},{"text":"learner"}],"who":{"identifier":{"value":"acc-1"}},"requestor":true,` +
		`"purposeOfUse":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}]}],` +
		`"source":{"site":"main","observer":{"display":"Radagora, Test Hospital"},"type":[{"system":"http://terminology.hl7.org/CodeSystem/security-source-type","code":"4","display":"Application Server"}]},` +
		`"entity":[{"what":{"type":"Patient","identifier":{"system":"urn:ietf:rfc:3986","value":"urn:uuid:019ca87b-9d5a-7000-8000-00000000000a"}},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"1","display":"Person"},"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"1","display":"Patient"}},` +
		`{"what":{"identifier":{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"}},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"2","display":"System Object"},"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"4","display":"Domain Resource"}}]}`
	if diff := cmp.Diff(want, string(r.JSON())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A message is as much of PS3.15 A.5.1 as the tests look at.
type message struct {
	Event struct {
		Action  string `xml:"EventActionCode,attr"`
		At      string `xml:"EventDateTime,attr"`
		Outcome string `xml:"EventOutcomeIndicator,attr"`
		ID      coded  `xml:"EventID"`
		Types   []coded
	} `xml:"EventIdentification"`
	Participants []struct {
		UserID    string  `xml:"UserID,attr"`
		Requestor string  `xml:"UserIsRequestor,attr"`
		Roles     []coded `xml:"RoleIDCode"`
	} `xml:"ActiveParticipant"`
	Sources []struct {
		ID string `xml:"AuditSourceID,attr"`
	} `xml:"AuditSourceIdentification"`
	Objects []struct {
		ID     string `xml:"ParticipantObjectID,attr"`
		Type   string `xml:"ParticipantObjectTypeCode,attr"`
		Role   string `xml:"ParticipantObjectTypeCodeRole,attr"`
		IDType coded  `xml:"ParticipantObjectIDTypeCode"`
	} `xml:"ParticipantObjectIdentification"`
}

type coded struct {
	Value  string `xml:"csd-code,attr"`
	Scheme string `xml:"codeSystemName,attr"`
}

func TestMessages(t *testing.T) {
	want := map[string][]string{ // kind: event, action, outcome, roles of objects
		"archive.instance.stored": {"110104", "C", "0", "3 1"},
		"archive.object.read":     {"110103", "R", "0", "3 1"},
		"archive.study.find":      {"110112", "E", "0", "1 24"},
		"archive.object.send":     {"110102", "E", "0", "3 1"},
		"privacy.person.exported": {"110106", "R", "0", "1 4"},
		"archive.study.erased":    {"110105", "D", "0", "3 1"},
		"access.glass.opened":     {"110113", "E", "0", "3 1"},
		"access.session.begun":    {"110114", "E", "0", "4"},
		"access.session.refused":  {"110114", "E", "4", ""},
		"site.peer.changed":       {"110113", "U", "0", "4"},
		"journal.prefix.dropped":  {"110113", "D", "0", "4"},
		"journal.entry.export":    {"110101", "R", "0", "13"},
		"dose.table.exported":     {"110106", "R", "0", "4"},
		"program.process.started": {"110100", "E", "0", ""},
		"finding.state.changed":   nil, "unheard.of.thing": nil, "unheard.of": nil,
	}
	for _, e := range entries {
		all, err := here.Messages([]journal.Entry{e})
		if err != nil {
			t.Fatal(err)
		}
		if want[e.Kind] == nil {
			if len(all) != 0 {
				t.Errorf("%s: %s; PS3.15 has no message for it", e.Kind, all[0].XML)
			}
			continue
		}
		if len(all) != 1 {
			t.Fatalf("%s: %d messages", e.Kind, len(all))
		}
		var m message
		if err := xml.Unmarshal(all[0].XML, &m); err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		var roles []string
		for _, o := range m.Objects {
			roles = append(roles, o.Role)
		}
		got := []string{m.Event.ID.Value, m.Event.Action, m.Event.Outcome, strings.Join(roles, " ")}
		if diff := cmp.Diff(want[e.Kind], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s%s", e.Kind, diff, all[0].XML)
		}
		if m.Event.At != "2026-03-01T08:30:00.250Z" || m.Event.ID.Scheme != "DCM" || len(m.Participants) < 2 || len(m.Sources) != 1 || m.Sources[0].ID != here.Host ||
			m.Participants[0].UserID != e.Actor || m.Participants[0].Requestor != "true" {
			t.Errorf("%s: %s", e.Kind, all[0].XML)
		}
		if strings.Contains(string(all[0].XML), "CANARY") {
			t.Errorf("%s: personal data of the entry are in the message", e.Kind)
		}
	}
}

func TestInstancesOfOneStudyAreOneMessage(t *testing.T) {
	var batch []journal.Entry
	for _, study := range []string{"1.1", "1.1", "1.1", "1.2", "1.1"} {
		batch = append(batch, about(entry("archive.instance.stored", "ae:CT1", "1.2.3.4", `{"study":"`+study+`","sop_class":"1.2.840.10008.5.1.4.1.1.2"}`)))
	}
	all, err := here.Messages(batch)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || !strings.Contains(string(all[0].XML), `<SOPClass UID="1.2.840.10008.5.1.4.1.1.2" NumberOfInstances="3">`) {
		t.Errorf("%d messages, the first %s; want three, of 3, 1 and 1", len(all), all[0].XML)
	}
}

func FuzzEvent(f *testing.F) {
	for _, e := range entries {
		f.Add(e.Kind, e.Actor, e.Subject, string(e.Data), e.PersonKey)
	}
	f.Fuzz(func(t *testing.T, kind, actor, subject, data, key string) {
		e := journal.Entry{Seq: 1, ID: person, Site: "main", At: at, Actor: actor, Kind: kind, Subject: subject, Data: json.RawMessage(data), PersonKey: key}
		if r, err := here.AuditEvent(e); err == nil && !json.Valid(r.JSON()) {
			t.Error("not JSON")
		}
		all, err := here.Messages([]journal.Entry{e, e})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if err := xml.Unmarshal(m.XML, new(message)); err != nil {
				t.Errorf("not XML: %v", err)
			}
		}
	})
}
