package dimse

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom/uid"
)

func TestAnswer(t *testing.T) {
	const ct, find, private = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.3.4"
	const implicit, explicit, jpeg, alien = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70", "1.2.3.99"
	for _, c := range []struct {
		name     string
		contexts Contexts
		class    string
		syntaxes []string
		roles    []role
		want     Result
		syntax   string
	}{
		{"Verification", Contexts{}, "1.2.840.10008.1.1", []string{implicit}, nil, Accepted, implicit},
		{"Verification needs no codecs", Contexts{}, "1.2.840.10008.1.1", []string{jpeg}, nil, TransferSyntaxesNotSupported, ""},
		{"the sender's first is kept", Contexts{}, ct, []string{jpeg, explicit, implicit}, nil, Accepted, jpeg},
		{"the first we know", Contexts{}, ct, []string{alien, "no uid", explicit}, nil, Accepted, explicit},
		{"our preference when configured", Contexts{Preferred: []uid.UID{uid.ExplicitVRLittleEndian}}, ct, []string{jpeg, explicit}, nil, Accepted, explicit},
		{"a preference nobody proposed", Contexts{Preferred: []uid.UID{uid.RLELossless}}, ct, []string{jpeg, explicit}, nil, Accepted, jpeg},
		{"fewer syntaxes by configuration", Contexts{Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}}, ct, []string{jpeg, implicit}, nil, Accepted, implicit},
		{"none we know", Contexts{}, ct, []string{alien}, nil, TransferSyntaxesNotSupported, ""},
		{"a syntax that is of no data set", Contexts{}, ct, []string{uid.XMLEncoding.String()}, nil, TransferSyntaxesNotSupported, ""},
		{"retired storage", Contexts{}, "1.2.840.10008.5.1.4.1.1.5", []string{implicit}, nil, Accepted, implicit},
		{"another service", Contexts{}, find, []string{implicit}, nil, AbstractSyntaxNotSupported, ""},
		{"private class", Contexts{}, private, []string{implicit}, nil, AbstractSyntaxNotSupported, ""},
		{"private class when allowed", Contexts{Private: true}, private, []string{implicit}, nil, Accepted, implicit},
		{"another service is not private", Contexts{Private: true}, find, []string{implicit}, nil, AbstractSyntaxNotSupported, ""},
		{"no class", Contexts{Private: true}, "", []string{implicit}, nil, NoReason, ""},
		{"no syntaxes", Contexts{}, ct, nil, nil, NoReason, ""},
		{"we would be the SCU", Contexts{}, ct, []string{implicit}, []role{{class: ct, scp: true}}, UserRejection, ""},
		{"both roles: it may be SCU", Contexts{}, ct, []string{implicit}, []role{{class: ct, scu: true, scp: true}}, Accepted, implicit},
		{"a role for another class", Contexts{}, ct, []string{implicit}, []role{{class: find, scp: true}}, Accepted, implicit},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newNegotiator(&Title{Contexts: c.contexts, Store: &shelf{}}).answer(contextItem{id: 9, abstract: c.class, syntaxes: c.syntaxes}, c.roles)
			if got.ID != 9 || got.Result != c.want || got.TransferSyntax.String() != c.syntax {
				t.Errorf("answer = %+v; want result %d, %s", got, c.want, c.syntax)
			}
		})
	}
}

func TestAcceptedRoles(t *testing.T) {
	contexts := []Context{{SOPClass: uid.CTImageStorage, Result: Accepted, SCU: true}, {SOPClass: uid.MRImageStorage, Result: UserRejection}}
	got := acceptedRoles([]role{
		{class: uid.CTImageStorage.String(), scu: true, scp: true},
		{class: uid.MRImageStorage.String(), scu: false, scp: true},
		{class: "1.2.3", scu: true},
	}, contexts)
	want := []role{{class: uid.CTImageStorage.String(), scu: true}}
	if d := cmp.Diff(want, got, unexported); d != "" {
		t.Errorf("roles (-want +got)\n%s", d)
	}
}

func TestServicesForTheConformanceStatement(t *testing.T) {
	rows := (&Title{Store: &shelf{}}).Services()
	retired := 0
	for _, r := range rows {
		if r.Name == "" && !r.Retired || len(r.Syntaxes) == 0 { // two retired ones have lost their names
			t.Errorf("row for %s, %q", r.Class, r.Name)
		}
		if r.Retired {
			retired++
		}
	}
	if len(rows) < 150 || retired < 20 || rows[0].Class != uid.Verification {
		t.Errorf("%d rows, %d of them retired", len(rows), retired)
	}
	for _, u := range StorageSyntaxes() {
		if _, known := uid.SyntaxOf(u); !known {
			t.Errorf("%s is offered and cannot be read", u)
		}
	}
}
