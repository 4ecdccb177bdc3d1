package trail

import (
	"encoding/base64"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/journal"
)

// The code systems of an AuditEvent.
const (
	dcm          = "http://dicom.nema.org/resources/ontology/DCM"
	auditType    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interaction  = "http://hl7.org/fhir/restful-interaction"
	lifecycle    = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
	participates = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	provenance   = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	actReason    = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	sourceType   = "http://terminology.hl7.org/CodeSystem/security-source-type"
	entityType   = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRole   = "http://terminology.hl7.org/CodeSystem/object-role"
	requestType  = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
	balp         = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	uris         = "urn:ietf:rfc:3986"
	dicomUID     = "urn:dicom:uid"
)

// AuditEvent returns an entry as FHIR R4 AuditEvent in the shape of IHE BALP 1.1. It
// names a BALP profile in meta.profile only if it meets it: a restful interaction that
// succeeded, of which the client's address is known.
func (i Installation) AuditEvent(e journal.Entry) (fhir.Resource, error) {
	l := of(e)
	kind, subtypes := l.kinds()
	entities := l.entities()
	r, err := fhir.New("AuditEvent",
		fhir.F("id", e.ID),
		fhir.F("meta", fhir.Object(fhir.F("profile", fhir.List(l.profile())))),
		fhir.F("type", kind),
		fhir.F("subtype", fhir.List(subtypes...)),
		fhir.F("action", l.action),
		fhir.F("period", l.period()),
		fhir.F("recorded", e.At.UTC()),
		fhir.F("outcome", strconv.Itoa(l.outcome)),
		fhir.F("agent", fhir.List(i.agents(&l)...)),
		fhir.F("source", fhir.Object(
			fhir.F("site", e.Site),
			fhir.F("observer", i.device()),
			fhir.F("type", fhir.List(fhir.Coding(sourceType, "4", "Application Server"))),
		)),
		fhir.F("entity", fhir.List(entities...)),
	)
	if err != nil {
		return r, fault.Errorf(fault.Of(err), "audit event %d: %w", e.Seq, err)
	}
	return r, nil
}

// kinds returns type and subtypes.
func (l *look) kinds() (fhir.Value, []any) {
	own := fhir.Coding("", l.Kind, "")
	switch {
	case l.rest != "":
		return fhir.Coding(auditType, "rest", "Restful Operation"), []any{fhir.Coding(interaction, l.rest, l.rest), own}
	case l.id == export:
		return fhir.Coding(dcm, l.id.value, l.id.meaning), []any{fhir.Coding(lifecycle, "disclose", "Disclose Record Lifecycle Event"), own}
	case l.id == code{}:
		return fhir.Coding(auditType, "rest", "Restful Operation"), []any{own}
	}
	var sort any
	if l.sort != (code{}) {
		sort = fhir.Coding(dcm, l.sort.value, l.sort.meaning)
	}
	return fhir.Coding(dcm, l.id.value, l.id.meaning), []any{sort, own}
}

// profile returns the BALP profile that the event meets, "" for none.
func (l *look) profile() string {
	names := map[string]string{"read": "Read", "create": "Create", "update": "Update", "delete": "Delete", "search": "Query"}
	name := names[l.rest]
	switch {
	case name == "" || l.outcome != success || l.client() == "":
		return ""
	case l.rest == "search" && l.Query == "", l.rest != "search" && l.Subject == "":
		return ""
	case l.PersonKey != "":
		name = "Patient" + name
	}
	return balp + name
}

// period returns from when to when, of reads that were gathered.
func (l *look) period() fhir.Value {
	if l.First.IsZero() || l.Last.IsZero() {
		return fhir.Value{}
	}
	return fhir.Period(l.First.UTC(), l.Last.UTC())
}

// device is the installation as who observes and serves.
func (i Installation) device() fhir.Value { return fhir.Object(fhir.F("display", i.Name)) }

// agents returns client, server and user. Which of the first two is source and which
// destination follows the data, except for searches, where it follows the question
// (BALP 3:5.7).
func (i Installation) agents(l *look) []any {
	client, server := fhir.Coding(dcm, "110153", "Source Role ID"), fhir.Coding(dcm, "110152", "Destination Role ID")
	user := fhir.Coding(participates, "AUT", "author (originator)")
	switch {
	case l.action == "R":
		client, server = server, client
		user = fhir.Coding(participates, "IRCP", "information recipient")
	case l.rest == "search":
		user = fhir.Coding(participates, "IRCP", "information recipient")
	case l.rest == "delete":
		client, server = fhir.Coding(dcm, "110150", "Application"), fhir.Coding(provenance, "custodian", "Custodian")
		user = fhir.Coding(participates, "CST", "custodian")
	}
	agents := []any{agent(server, i.device(), i.Host, false)}
	if from := l.client(); from != "" {
		agents = append([]any{agent(client, fhir.Object(fhir.F("display", from)), from, l.program())}, agents...)
	}
	if l.To != "" {
		agents = append(agents, agent(fhir.Coding(dcm, "110152", "Destination Role ID"), fhir.Object(fhir.F("display", l.To)), l.To, false))
	}
	if l.program() && l.client() != "" {
		return agents
	}
	var roles []any
	for role := range strings.FieldsSeq(l.Role) {
		roles = append(roles, fhir.Concept(role))
	}
	var purpose any
	if l.Purpose != "" {
		purpose = fhir.List(fhir.Concept("", fhir.Coding(actReason, l.Purpose, "")))
	}
	return append(agents, fhir.Object(
		fhir.F("type", fhir.Concept("", user)),
		fhir.F("role", fhir.List(roles...)),
		fhir.F("who", fhir.Object(fhir.F("identifier", fhir.Identifier("", l.Actor)))),
		fhir.F("requestor", true),
		fhir.F("purposeOfUse", purpose),
	))
}

// agent is a machine that takes part.
func agent(kind, who fhir.Value, address string, requestor bool) fhir.Value {
	var network any
	if address != "" {
		network = fhir.Object(fhir.F("address", address), fhir.F("type", networkType(address)))
	}
	return fhir.Object(
		fhir.F("type", fhir.Concept("", kind)), fhir.F("who", who), fhir.F("requestor", requestor), fhir.F("network", network),
	)
}

// entities returns patient, data, query and transaction.
func (l *look) entities() []any {
	var all []any
	if l.PersonKey != "" {
		who := fhir.Object(fhir.F("type", "Patient"), fhir.F("identifier", fhir.Identifier(uris, "urn:uuid:"+l.PersonKey)))
		all = append(all, entity("1", "Person", "1", "Patient", who))
	}
	if l.Query != "" {
		all = append(all, fhir.Object(
			fhir.F("type", fhir.Coding(entityType, "2", "System Object")), fhir.F("role", fhir.Coding(objectRole, "24", "Query")),
			fhir.F("query", base64.StdEncoding.EncodeToString([]byte(l.Query))),
		))
	}
	if l.Subject != "" {
		all = append(all, entity("2", "System Object", "4", "Domain Resource", thing(l.Subject)))
	}
	if l.Study != "" && l.Study != l.Subject {
		all = append(all, entity("2", "System Object", "3", "Report", thing(l.Study)))
	}
	if l.Request != "" {
		all = append(all, fhir.Object(
			fhir.F("what", fhir.Object(fhir.F("identifier", fhir.Identifier("", l.Request)))),
			fhir.F("type", fhir.Coding(requestType, "XrequestId", "")),
		))
	}
	return all
}

func entity(kind, means, role, roleMeans string, what fhir.Value) fhir.Value {
	return fhir.Object(
		fhir.F("what", what), fhir.F("type", fhir.Coding(entityType, kind, means)), fhir.F("role", fhir.Coding(objectRole, role, roleMeans)),
	)
}

// thing refers to what an entry is about.
func thing(subject string) fhir.Value {
	if isUID(subject) {
		return fhir.Object(fhir.F("identifier", fhir.Identifier(dicomUID, "urn:oid:"+subject)))
	}
	return fhir.Object(fhir.F("identifier", fhir.Identifier("", subject)))
}
