package fhir_test

import (
	"fmt"
	"time"

	"radagora/fhir"
)

func Example() {
	order, err := fhir.New("ServiceRequest",
		fhir.F("identifier", fhir.List(fhir.Identifier("urn:oid:1.2.3", "A-17"))),
		fhir.F("status", "active"),
		fhir.F("code", fhir.Concept("CT of the head")),
		fhir.F("subject", fhir.Reference("Patient/12")),
		fhir.F("authoredOn", time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)),
		fhir.F("reasonCode", fhir.List("")), // nothing is known: it is left out
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(order.JSON()))
	for _, issue := range fhir.Validate(order) {
		fmt.Println(issue.Severity, issue.Code, issue.Expression, "-", issue.Text)
	}
	err = order.Set("intent", "order")
	fmt.Println(err, len(fhir.Validate(order)), order.Get("identifier.value").Text())
	fmt.Println(order)
	// Output:
	// {"resourceType":"ServiceRequest","identifier":[{"system":"urn:oid:1.2.3","value":"A-17"}],"status":"active","code":{"text":"CT of the head"},"subject":{"reference":"Patient/12"},"authoredOn":"2026-03-04T09:15:00.000Z"}
	// error required ServiceRequest - the element intent is missing
	// <nil> 0 A-17
	// [ServiceRequest]
}
