package worklist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"radagora/db"
	"radagora/fhir"
	"radagora/person"
)

// Orders are ServiceRequests for other systems, as HL7 Europe's ServiceRequestOrder
// describes them: projections of the tables, made when they are asked for.

// Names of FHIR.
const (
	identifierTypes = "http://terminology.hl7.org/CodeSystem/v2-0203"
	dicomUID        = "urn:dicom:uid"
	imaging         = "363679005" // SNOMED CT
	stationSystem   = "urn:radagora:ae-title"
	procedureText   = "requested procedure"
	newer           = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest."
)

// A Naming names for a resource what other rooms know.
type Naming struct {
	Subject func(site, person string) fhir.Value // reference to whom an order is about
	Zone    *time.Location                       // of the site
}

// A Projection is an order as a resource.
type Projection struct {
	Resource fhir.Resource
	Version  string // changes with what the resource says
	Updated  time.Time
	Order    Order
}

// priorities translates priorities; the first of a word is read back.
var priorities = []struct{ order, fhir string }{
	{"STAT", "stat"}, {"HIGH", "urgent"}, {"ROUTINE", "routine"}, {"MEDIUM", "asap"}, {"LOW", "routine"},
}

// requestStatus returns the status of an order: what is done when every step is over and
// one of them was completed.
func (o *Order) requestStatus() string {
	if o.State == Cancelled {
		return "revoked"
	}
	open := slices.ContainsFunc(o.Steps, func(s Step) bool { return s.State.open() })
	done := slices.ContainsFunc(o.Steps, func(s Step) bool { return s.State == Completed })
	if done && !open {
		return "completed"
	}
	return "active"
}

// ServiceRequest returns an order as a ServiceRequest.
func (o Order) ServiceRequest(n Naming) (Projection, error) {
	var begin, room any
	if len(o.Steps) > 0 {
		begin = o.Steps[0].StartAt.In(n.Zone).Format(time.RFC3339)
		if o.Steps[0].Location != "" {
			room = fhir.List(fhir.Object(fhir.F("display", o.Steps[0].Location)))
		}
	}
	authored := o.AuthoredAt
	if authored.IsZero() {
		authored = o.CreatedAt
	}
	var extensions []any
	if p := person.PregnancyConcept(string(o.Patient.Pregnancy)); p.Exists() {
		extensions = append(extensions, fhir.Object(fhir.F("url", newer+"supportingInfo"),
			fhir.F("extension", fhir.List(fhir.Object(fhir.F("url", "concept"), fhir.F("valueCodeableConcept", p))))))
	}
	var code fhir.Value
	if o.Code != nil {
		code = concept(o.Description, *o.Code)
	} else {
		code = concept(o.Description)
	}
	r, err := fhir.New("ServiceRequest",
		fhir.F("id", o.ID),
		fhir.F("extension", fhir.List(extensions...)),
		fhir.F("identifier", fhir.List(o.identifiers()...)),
		fhir.F("status", o.requestStatus()),
		fhir.F("intent", "order"),
		fhir.F("category", fhir.List(coded(snomed, imaging))),
		fhir.F("priority", priorityOf(o.Priority)),
		fhir.F("code", code),
		fhir.F("orderDetail", fhir.List(o.modalities()...)),
		fhir.F("subject", n.Subject(o.Site, o.Person)),
		fhir.F("encounter", o.encounter()),
		fhir.F("occurrenceDateTime", begin),
		fhir.F("authoredOn", authored.In(n.Zone).Format(time.RFC3339)),
		fhir.F("requester", fhir.Object(fhir.F("display", person.Readable(o.RequestingPhysician)))),
		fhir.F("performer", fhir.List(o.performers()...)),
		fhir.F("locationReference", room),
		fhir.F("reasonCode", fhir.List(o.reasons()...)),
		fhir.F("note", fhir.List(fhir.Object(fhir.F("text", o.Comments)))),
	)
	sum := sha256.Sum256(r.JSON())
	return Projection{Resource: r, Version: fmt.Sprintf("%d.%s", o.Version, hex.EncodeToString(sum[:4])), Updated: o.ChangedAt, Order: o}, err
}

// identifiers returns the numbers of an order.
func (o *Order) identifiers() (all []any) {
	typed := func(kind, system, value string) {
		if value != "" {
			all = append(all, fhir.Object(fhir.F("type", coded(identifierTypes, kind)), fhir.F("system", system), fhir.F("value", value)))
		}
	}
	issuer := ""
	if o.AccessionIssuer != "" {
		issuer = person.SystemOf(o.AccessionIssuer)
	}
	typed("ACSN", issuer, o.Accession)
	typed("PLAC", "", o.Placer)
	typed("FILL", "", o.Filler)
	if o.Study != "" {
		all = append(all, fhir.Object(fhir.F("system", dicomUID), fhir.F("value", "urn:oid:"+o.Study)))
	}
	if o.ProcedureID != "" && o.ProcedureID != o.Accession {
		all = append(all, fhir.Object(fhir.F("type", fhir.Object(fhir.F("text", procedureText))), fhir.F("value", o.ProcedureID)))
	}
	return all
}

func priorityOf(p string) string {
	for _, x := range priorities {
		if x.order == p {
			return x.fhir
		}
	}
	return ""
}

// modalities returns by what the steps are to be done.
func (o *Order) modalities() (all []any) {
	var seen []string
	for _, s := range o.Steps {
		if s.Modality != "" && !slices.Contains(seen, s.Modality) {
			seen = append(seen, s.Modality)
			all = append(all, coded(dcm, s.Modality))
		}
	}
	return all
}

// encounter returns the visit, by its number.
func (o *Order) encounter() fhir.Value {
	return fhir.Object(fhir.F("identifier", fhir.Object(fhir.F("value", o.Patient.Admission))))
}

// performers returns the machines that may do the steps.
func (o *Order) performers() (all []any) {
	var seen []string
	for _, s := range o.Steps {
		for _, title := range s.Stations {
			if slices.Contains(seen, title) {
				continue
			}
			seen = append(seen, title)
			all = append(all, fhir.Object(fhir.F("type", "Device"),
				fhir.F("identifier", fhir.Object(fhir.F("system", stationSystem), fhir.F("value", title))), fhir.F("display", title)))
		}
	}
	return all
}

// reasons returns why: codes, and words.
func (o *Order) reasons() (all []any) {
	for _, c := range o.ReasonCodes {
		all = append(all, concept("", c))
	}
	if o.Reason != "" {
		all = append(all, fhir.Object(fhir.F("text", o.Reason)))
	}
	return all
}

// describe writes the columns by which an order is found as a ServiceRequest.
func (*Register) describe(ctx context.Context, tx *db.Tx, o *Order) error {
	authored, value, system := o.AuthoredAt, "", ""
	if authored.IsZero() {
		authored = o.CreatedAt
	}
	if o.Code != nil {
		value, system = o.Code.Value, o.Code.system()
	}
	_, err := tx.Exec(ctx, `update worklist_order set authored_at = $2, code_value = $3, code_system = $4 where order_id = $1`, o.ID, db.Millis(authored), value, system)
	return err
}

// describeAll writes those columns of orders that were kept before there were any.
func (r *Register) describeAll(ctx context.Context) error {
	for {
		list, err := r.orders(ctx, r.DB, `where o.code_value is null order by o.order_id limit 200`)
		if err != nil || len(list) == 0 {
			return err
		}
		err = r.DB.Write(ctx, func(tx *db.Tx) error {
			for i := range list {
				if err := r.describe(ctx, tx, &list[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
