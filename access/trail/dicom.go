package trail

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
	"radagora/journal"
)

// The elements of PS3.15 A.5.1, in its order.
type (
	auditMessage struct {
		XMLName      xml.Name      `xml:"AuditMessage"`
		Event        xmlEvent      `xml:"EventIdentification"`
		Participants []participant `xml:"ActiveParticipant"`
		Source       auditSource   `xml:"AuditSourceIdentification"`
		Objects      []auditObject `xml:"ParticipantObjectIdentification"`
	}
	xmlCode struct {
		Value   string `xml:"csd-code,attr"`
		Scheme  string `xml:"codeSystemName,attr,omitempty"`
		Meaning string `xml:"originalText,attr,omitempty"`
	}
	xmlEvent struct {
		Action   string    `xml:"EventActionCode,attr,omitempty"`
		At       string    `xml:"EventDateTime,attr"`
		Outcome  int       `xml:"EventOutcomeIndicator,attr"`
		ID       xmlCode   `xml:"EventID"`
		Types    []xmlCode `xml:"EventTypeCode"`
		Purposes []xmlCode `xml:"PurposeOfUse"`
	}
	participant struct {
		UserID      string    `xml:"UserID,attr"`
		Alternative string    `xml:"AlternativeUserID,attr,omitempty"`
		Requestor   bool      `xml:"UserIsRequestor,attr"`
		Address     string    `xml:"NetworkAccessPointID,attr,omitempty"`
		AddressType string    `xml:"NetworkAccessPointTypeCode,attr,omitempty"`
		Roles       []xmlCode `xml:"RoleIDCode"`
	}
	auditSource struct {
		Site string  `xml:"AuditEnterpriseSiteID,attr,omitempty"`
		ID   string  `xml:"AuditSourceID,attr"`
		Type xmlCode `xml:"AuditSourceTypeCode"`
	}
	auditObject struct {
		ID          string        `xml:"ParticipantObjectID,attr"`
		Type        string        `xml:"ParticipantObjectTypeCode,attr"`
		Role        string        `xml:"ParticipantObjectTypeCodeRole,attr"`
		LifeCycle   string        `xml:"ParticipantObjectDataLifeCycle,attr,omitempty"`
		IDType      xmlCode       `xml:"ParticipantObjectIDTypeCode"`
		Query       string        `xml:"ParticipantObjectQuery,omitempty"` // base64
		Name        string        `xml:"ParticipantObjectName,omitempty"`
		Details     []auditDetail `xml:"ParticipantObjectDetail"`
		Description *description  `xml:"ParticipantObjectDescription"`
	}
	auditDetail struct {
		Type  string `xml:"type,attr"`
		Value string `xml:"value,attr"` // base64
	}
	description struct {
		Classes []sopClass `xml:"SOPClass"`
	}
	sopClass struct {
		UID string `xml:"UID,attr,omitempty"`
		N   int    `xml:"NumberOfInstances,attr"`
	}
)

// A Message is one audit message of PS3.15 A.5, for one entry or for instances of one
// study that came one after another from one sender.
type Message struct {
	At      time.Time
	Outcome int
	XML     []byte // without declaration
}

// Messages returns the audit messages of entries: of those that PS3.15 A.5 has one
// for. Instances of one study that the same actor stored are one message.
func (i Installation) Messages(entries []journal.Entry) ([]Message, error) {
	var all []Message
	for n := 0; n < len(entries); {
		first := of(entries[n])
		classes := []sopClass{{UID: first.Class, N: 1}}
		n++
		if first.id == transferred && first.study() != "" {
			for n < len(entries) {
				next := of(entries[n])
				if next.Kind != first.Kind || next.Actor != first.Actor || next.study() != first.study() || next.outcome != first.outcome || next.Site != first.Site {
					break
				}
				classes = count(classes, next.Class)
				n++
			}
		}
		if first.id == (code{}) {
			continue
		}
		text, err := xml.Marshal(i.message(&first, classes))
		if err != nil {
			return nil, fault.Errorf(fault.Internal, "audit message %d: %w", first.Seq, err)
		}
		all = append(all, Message{At: first.At, Outcome: first.outcome, XML: text})
	}
	return all, nil
}

func count(classes []sopClass, uid string) []sopClass {
	for i := range classes {
		if classes[i].UID == uid {
			classes[i].N++
			return classes
		}
	}
	return append(classes, sopClass{UID: uid, N: 1})
}

func (c code) xml() xmlCode { return xmlCode{c.value, "DCM", c.meaning} }

// message makes the message of an entry.
func (i Installation) message(l *look, classes []sopClass) auditMessage {
	m := auditMessage{
		Event: xmlEvent{
			Action: l.action, At: l.At.UTC().Format("2006-01-02T15:04:05.000Z"), Outcome: l.outcome, ID: l.id.xml(),
		},
		Source:  auditSource{Site: l.Site, ID: i.Host, Type: xmlCode{Value: "4"}}, // application server
		Objects: l.objects(classes),
	}
	if l.sort != (code{}) {
		m.Event.Types = append(m.Event.Types, l.sort.xml())
	}
	m.Event.Types = append(m.Event.Types, xmlCode{Value: l.Kind, Scheme: "99RADAGORA", Meaning: l.Kind})
	if l.Purpose != "" {
		m.Event.Purposes = []xmlCode{{Value: l.Purpose, Scheme: "HL7V3.0 ActReason", Meaning: l.Purpose}}
	}
	m.Participants = i.participants(l)
	return m
}

// participants returns who acted, from which machine, and this program.
func (i Installation) participants(l *look) []participant {
	here := participant{UserID: i.Name, Address: i.Host, AddressType: networkType(i.Host)}
	there := participant{UserID: l.Actor, Requestor: true, Address: l.client()}
	if there.Address != "" {
		there.AddressType = networkType(there.Address)
	}
	source, destination := code{"110153", "Source Role ID"}.xml(), code{"110152", "Destination Role ID"}.xml()
	switch l.id {
	case transferred, imported, query:
		if l.action == "R" {
			source, destination = destination, source
		}
		there.Roles, here.Roles = []xmlCode{source}, []xmlCode{destination}
	case transferring, export:
		there.Roles, here.Roles = []xmlCode{destination}, []xmlCode{source}
	case application:
		here.Roles, there.Roles = []xmlCode{code{"110150", "Application"}.xml()}, []xmlCode{code{"110151", "Application Launcher"}.xml()}
	}
	for role := range strings.FieldsSeq(l.Role) {
		there.Roles = append(there.Roles, xmlCode{role, "99RADAGORA", role})
	}
	all := []participant{there, here}
	if l.To != "" {
		all = append(all, participant{UserID: l.To, Address: l.To, AddressType: networkType(l.To), Roles: []xmlCode{code{"110152", "Destination Role ID"}.xml()}})
	}
	return all
}

// objects returns patient, study, query and whatever else an entry is about.
func (l *look) objects(classes []sopClass) []auditObject {
	var all []auditObject
	study := l.study()
	if study != "" {
		o := auditObject{ID: study, Type: "2", Role: "3", IDType: code{"110180", "Study Instance UID"}.xml()}
		if l.id == transferred {
			o.Description = &description{Classes: classes}
		}
		if l.id == studyDeleted {
			o.LifeCycle = "14" // permanent erasure
		}
		all = append(all, o)
	}
	if l.PersonKey != "" {
		all = append(all, auditObject{ID: l.PersonKey, Type: "1", Role: "1", IDType: xmlCode{"2", "RFC-3881", "Patient Number"}})
	}
	if l.Query != "" {
		all = append(all, auditObject{
			ID: strconv.FormatInt(l.Seq, 10), Type: "2", Role: "24", IDType: xmlCode{"10", "RFC-3881", "Search Criteria"},
			Query: base64.StdEncoding.EncodeToString([]byte(l.Query)),
		})
	}
	if l.id == logUsed { // PS3.15 A.5.3.2
		all = append(all, auditObject{ID: "journal", Type: "2", Role: "13", IDType: xmlCode{"12", "RFC-3881", "URI"}, Name: "Security Audit Log"})
	}
	if l.Subject != "" && l.Subject != study && l.id != transferred {
		all = append(all, auditObject{ID: l.Subject, Type: "2", Role: "4", IDType: xmlCode{"12", "RFC-3881", "URI"}})
	}
	if l.id == alert && len(all) > 0 { // PS3.15 A.5.3.11 asks what it is about
		all[0].Details = append(all[0].Details, auditDetail{"Alert Description", base64.StdEncoding.EncodeToString([]byte(l.Kind))})
	}
	return all
}

// String returns the kind of a message for logs.
func (m Message) String() string { return fmt.Sprintf("audit message of %d bytes", len(m.XML)) }
