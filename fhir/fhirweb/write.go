package fhirweb

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"radagora/fault"
	"radagora/fhir"
)

// body reads the resource of a request.
func (x *exchange) body() (fhir.Resource, error) {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || !formats[kind] || strings.HasSuffix(kind, "*") {
		return fhir.Resource{}, refuse(http.StatusUnsupportedMediaType, "not-supported", "FHIR is read as application/fhir+json only")
	}
	text, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if err != nil {
		return fhir.Resource{}, fault.Errorf(fault.Exhausted, "the body is longer than %d bytes, or ended early", maxBody)
	}
	return fhir.Parse(text)
}

// valid refuses a resource that is not of the type, or not by the tables of R4.
func valid(r fhir.Resource, typ string) error {
	if r.Type() != typ {
		return fault.Errorf(fault.Invalid, "the resource is of another type than the address")
	}
	if !fhir.IsResource(typ) {
		return nil // a ViewDefinition, which R4 does not know
	}
	if issues := fhir.Validate(r); len(issues) > 0 {
		return refusal{problem{http.StatusUnprocessableEntity, "invalid"}, "the resource is not valid", issues}
	}
	return nil
}

func (x *exchange) create(t Type, typ string) error {
	if t.Writer == nil {
		return errNotAllowed
	}
	if err := x.may("create", typ, ""); err != nil {
		return err
	}
	r, err := x.body()
	if err != nil {
		return err
	}
	c, err := x.creation(typ, r, x.r.Header.Get("If-None-Exist"))
	if err != nil {
		return err
	}
	done, err := t.Writer.Write(x.ctx, []Change{c})
	if err != nil {
		return precondition(err, c)
	}
	return x.written(typ, done)
}

// creation returns the change that a create asks for.
func (x *exchange) creation(typ string, r fhir.Resource, unless string) (Change, error) {
	c := Change{Create: true}
	if err := valid(r, typ); err != nil {
		return c, err
	}
	if unless != "" {
		q, err := x.condition(typ, unless)
		if err != nil {
			return c, err
		}
		c.Unless = q
	}
	if err := r.Set("id", x.NewID()); err != nil {
		return c, err
	}
	c.Resource = r
	return c, nil
}

// condition reads the criteria of a conditional write. All must be known: one that was
// left out would make it a condition on other resources.
func (x *exchange) condition(typ, text string) (*Query, error) {
	_, after, asked := strings.Cut(text, "?")
	if asked {
		text = after
	}
	values, err := url.ParseQuery(text)
	if err != nil || len(values) == 0 {
		return nil, fault.Errorf(fault.Invalid, "the condition is no search")
	}
	q, err := x.query(x.ctx, typ, values, true)
	if err != nil {
		return nil, err
	}
	if len(q.Criteria) == 0 || q.nothing {
		return nil, fault.Errorf(fault.Invalid, "the condition says nothing of the resource")
	}
	return &q.Query, nil
}

// update writes to an id, or to what the parameters of the address find.
func (x *exchange) update(t Type, typ, id string) error {
	if t.Writer == nil || t.Final {
		return errNotAllowed
	}
	if err := x.may("update", typ, id); err != nil {
		return err
	}
	r, err := x.body()
	if err != nil {
		return err
	}
	c, err := x.changing(typ, id, r, x.r.URL.RawQuery, x.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	done, err := t.Writer.Write(x.ctx, []Change{c})
	if err != nil {
		return precondition(err, c)
	}
	return x.written(typ, done)
}

// changing returns the change that an update asks for.
func (x *exchange) changing(typ, id string, r fhir.Resource, where, match string) (Change, error) {
	c := Change{IfMatch: untag(match)}
	if err := valid(r, typ); err != nil {
		return c, err
	}
	switch own := r.ID(); {
	case id != "" && own != id:
		return c, fault.Errorf(fault.Invalid, "the resource has another id than the address")
	case id == "":
		q, err := x.condition(typ, where)
		if err != nil {
			return c, err
		}
		c.Where = q
		if own == "" {
			if err := r.Set("id", x.NewID()); err != nil {
				return c, err
			}
		}
	}
	c.Resource = r
	return c, nil
}

// precondition tells a conflict with what the request took for granted from others.
func precondition(err error, c Change) error {
	if fault.Of(err) == fault.Conflict && c.conditional() {
		return refuse(http.StatusPreconditionFailed, "conflict", err.Error())
	}
	return err
}

// conditional reports whether a change takes something for granted.
func (c Change) conditional() bool { return c.IfMatch != "" || c.Unless != nil || c.Where != nil }

// written answers a create or update, as the caller prefers.
func (x *exchange) written(typ string, done []Written) error {
	if len(done) != 1 {
		return fault.Errorf(fault.Internal, "%d resources were written; want 1", len(done))
	}
	one := done[0]
	x.head(one.Stored)
	x.w.Header().Set("Location", x.location(typ, one.Stored))
	status := http.StatusOK
	if one.Created {
		status = http.StatusCreated
	}
	switch x.prefers("return") {
	case "minimal":
		x.w.WriteHeader(status)
	case "OperationOutcome":
		x.write(status, fhir.OperationOutcome())
	default:
		x.write(status, one.served())
	}
	return nil
}

func (x *exchange) location(typ string, st Stored) string {
	at := x.Base + "/" + typ + "/" + st.Resource.ID()
	if st.Version != "" && x.Types[typ].Historian != nil {
		at += "/_history/" + st.Version
	}
	return at
}

// validate answers what is wrong with a resource, which may stand in Parameters.
func (x *exchange) validate(typ string) error {
	if err := x.may("validate", typ, ""); err != nil {
		return err
	}
	r, err := x.body()
	if err != nil {
		return err
	}
	if r.Type() == "Parameters" && typ != "Parameters" {
		for p := range r.Each("parameter") {
			if inner, ok := p.Get("resource").Resource(); ok && p.Get("name").Text() == "resource" {
				r = inner
			}
		}
	}
	issues := fhir.Validate(r)
	if r.Type() != typ {
		issues = append(issues, fhir.Issue{Severity: fhir.Error, Code: "invalid", Text: "the resource is of another type than the address"})
	}
	x.write(http.StatusOK, fhir.OperationOutcome(issues...))
	return nil
}
