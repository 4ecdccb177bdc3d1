package dose_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/journal"
)

// orders are what was ordered, by the study it belongs to.
type orders struct {
	mu sync.Mutex
	of map[string][]dose.Ordered
}

func (o *orders) set(study string, all ...dose.Ordered) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[dosetest.UID(study).String()] = all
}

// Ordered implements dose.Orders.
func (o *orders) Ordered(_ context.Context, _ db.Querier, _, study string, _ []string) ([]dose.Ordered, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[study], nil
}

// Accession implements dose.Orders.
func (o *orders) Accession(_ context.Context, _ db.Querier, _, order string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, all := range o.of {
		for _, one := range all {
			if one.ID == order {
				return one.Accession, nil
			}
		}
	}
	return "", nil
}

// persons are what is known of how big patients are.
type persons struct {
	mu    sync.Mutex
	known map[string][]dose.Size
	asked dose.SizeQuery
}

// Sizes implements dose.Sizes: what is known goes before what reports say.
func (p *persons) Sizes(_ context.Context, _ db.Querier, q dose.SizeQuery) ([]dose.Size, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = q
	all := slices.Concat(p.known[q.Person], q.Own)
	seen := map[dose.Field]bool{}
	for i := range all {
		all[i].Used = !seen[all[i].Field]
		seen[all[i].Field] = true
	}
	return all, nil
}

// Same implements dose.Sizes.
func (*persons) Same(_ context.Context, _ db.Querier, _, person string) ([]string, error) {
	return []string{person}, nil
}

// happened journals that something happened to an order, and waits until that is
// derived.
func (k *desk) happened(kind, subject string) {
	k.t.Helper()
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		return k.journal.Append(k.t.Context(), tx, journal.Entry{Site: house, Actor: "hl7:1", Kind: kind, Subject: subject, Data: json.RawMessage(`{}`)})
	}))
	check(k.t, k.journal.Wait(k.t.Context(), dose.ConsumerOrders))
	k.settle()
}

// known says what is known of the examinations of a study.
func (k *desk) known(study string) string {
	k.t.Helper()
	s, err := k.Study(k.t.Context(), house, dosetest.UID(study).String())
	check(k.t, err)
	var all []string
	for _, i := range s.Items {
		all = append(all, strings.Join([]string{i.Exam, i.Indication, string(i.KnownBy), i.AssignedBy, i.Known.From, i.Known.Name, i.Known.Accession, i.Known.Reason}, "/"))
	}
	return strings.Join(all, " ")
}

// TestOrderTellsTheExamination: a study whose protocol says nothing gets examination
// and indication from its order, stands beside the level for them, and goes back when
// the order is another's.
func TestOrderTellsTheExamination(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOf(t, d, func(l *dose.Ledger) { l.Orders = &orders{of: map[string][]dose.Ordered{}} })
		told := k.Orders.(*orders)
		scan := dosetest.Scan("e1", "16", "160")
		scan.Protocol = "Routine"
		k.receive(dosetest.New("s", "i", "160", scan))
		const nothing = "///study////"
		if got := k.known("s"); got != nothing {
			t.Errorf("without an order %q; want nothing", got)
		}
		order := dose.Ordered{
			ID: "o1", Accession: "A1", Names: []dose.Name{{Source: dose.FromCode, Text: dose.CodeName("99RIS", "CTNNH")}, {Source: dose.FromProcedure, Text: "CT NNH nativ"}},
			Reasons: []dose.OrderReason{{Scheme: "ICD-10", Code: "J32.9", Text: "chronisch"}},
		}
		told.set("s", order)
		study := dosetest.UID("s").String()
		k.happened("worklist.study.matched", study)
		if got, want := k.known("s"), "/SINUSITIS_CHRONIC/order/order///A1/J32.9 (ICD-10)"; got != want {
			t.Errorf("before its name is mapped %q; want %q", got, want)
		}
		m, err := k.Approve(t.Context(), dose.Mapping{Site: house, Name: "ctnnh (99ris)", Source: dose.FromCode, Exam: "CT_SINUS", ApprovedBy: "local"})
		check(t, err)
		k.settle()
		const whole = "CT_SINUS/SINUSITIS_CHRONIC/order/order/order/CTNNH (99RIS)/A1/J32.9 (ICD-10)"
		if got := k.known("s"); got != whole {
			t.Errorf("with the order %q; want %q", got, whole)
		}
		k.govern("dose/level/uk_ndrl_2024", "2026-01-01", "")
		order.Reasons = []dose.OrderReason{{Text: "Erkrankung der Nasennebenhöhlen"}} // the very word of an indication
		told.set("s", order)
		k.happened("worklist.order.changed", "o1")
		r := row(t, k.overview("2026-01-01", "2026-12-31"), func(r *dose.Row) bool { return r.Measure == dose.MeasureDLP })
		if r.Exam != "CT_SINUS" || r.Indication != "SINUS_DISEASE" || r.KnownBy != dose.KnownByOrder || r.Governing == nil || r.State != dose.TooFew {
			t.Errorf("row = %s %s by %s, level %v, %s; want the sinuses beside their level", r.Exam, r.Indication, r.KnownBy, r.Governing, r.State)
		}
		told.set("s")
		k.happened("worklist.study.decided", study)
		if got := k.known("s"); got != nothing {
			t.Errorf("after the match was undone %q; want nothing", got)
		}
		told.set("s", order)
		k.happened("worklist.study.matched", study)
		check(t, k.Revoke(t.Context(), house, m.ID, "local"))
		k.settle()
		if got, want := k.known("s"), "/SINUS_DISEASE/order/order///A1/Erkrankung der Nasennebenhöhlen"; got != want {
			t.Errorf("after the mapping was revoked %q; want %q", got, want)
		}
	})
}

// TestSeveralOrders: a study of two orders is two examinations.
func TestSeveralOrders(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOf(t, d, func(l *dose.Ledger) { l.Orders = &orders{of: map[string][]dose.Ordered{}} })
		procedure := func(text string) []dose.Name { return []dose.Name{{Source: dose.FromProcedure, Text: text}} }
		k.Orders.(*orders).set("s",
			dose.Ordered{ID: "o1", Accession: "A1", Names: procedure("Nasennebenhöhlen"), Reasons: []dose.OrderReason{{Scheme: "I10", Code: "J32"}}},
			dose.Ordered{ID: "o2", Accession: "A1", Names: procedure("Dickdarm")},
		)
		k.receive(dosetest.New("s", "i", "30", named("e1", "Sinus"), named("e2", "Colon"), named("e3", "Something")))
		for name, exam := range map[string]string{"Nasennebenhöhlen": "CT_SINUS", "Dickdarm": "CT_COLON"} {
			_, err := k.Approve(t.Context(), dose.Mapping{Site: house, Name: name, Source: dose.FromProcedure, Exam: exam, ApprovedBy: "local"})
			check(t, err)
		}
		k.approve("Sinus", "CT_SINUS", "", "")
		k.approve("Colon", "CT_COLON", "", "")
		k.happened("worklist.study.matched", dosetest.UID("s").String())
		const want = "CT_SINUS/SINUSITIS_CHRONIC/order/protocol/order/Nasennebenhöhlen/A1/J32 (I10) CT_COLON///protocol/order/Dickdarm/A1/"
		if got := k.known("s"); got != want {
			t.Errorf("examinations\n%q; want\n%q", got, want)
		}
		s, err := k.Study(t.Context(), house, dosetest.UID("s").String())
		check(t, err)
		if s.Events[2].Examination != "" {
			t.Errorf("an event that may be of either order is of %q; want of none", s.Events[2].Examination)
		}
	})
}

// TestSizeIsUsed: what is known of a patient is what examinations are compared by, with
// where it comes from; a change of it is derived.
func TestSizeIsUsed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOf(t, d, func(l *dose.Ledger) { l.Sizes = &persons{known: map[string][]dose.Size{}} })
		r := dosetest.New("s", "i", "160", dosetest.Scan("e1", "16", "160"))
		r.Weight = "95" // no standard adult
		k.receive(r)
		item := func() *dose.Item {
			k.t.Helper()
			s, err := k.Study(t.Context(), house, dosetest.UID("s").String())
			check(t, err)
			return s.Items[0]
		}
		if i := item(); i.Weight == nil || *i.Weight != 95 || i.WeightFrom.Source != dose.SizeFromReport {
			t.Errorf("weight %v from %+v; want that of the report", i.Weight, i.WeightFrom)
		}
		at := time.Date(2026, 2, 18, 9, 0, 0, 0, time.UTC)
		p := k.Sizes.(*persons)
		p.mu.Lock()
		if want := (dose.SizeQuery{Site: house, Person: "|CANARY-1", Years: 45}); p.asked.Site != want.Site || p.asked.Person != want.Person || p.asked.Years != want.Years || p.asked.At.Format(time.DateOnly) != "2026-03-02" {
			t.Errorf("asked for %s, %d years, at %s", p.asked.Site, p.asked.Years, p.asked.At)
		}
		p.known["|CANARY-1"] = []dose.Size{{Field: dose.FieldWeight, Value: 72, Unit: "kg", Received: "72 kg", At: at, Source: "hl7", Origin: "his"}}
		p.mu.Unlock()
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.Sized(t.Context(), tx, house, []string{"|CANARY-1"}) }))
		k.settle()
		i := item()
		if *i.Weight != 72 || i.WeightFrom.Source != "hl7" || i.WeightFrom.Origin != "his" || i.WeightFrom.At == nil || *i.WeightFrom.At != at.UnixMilli() {
			t.Errorf("weight %v from %+v; want what the HIS said", *i.Weight, i.WeightFrom)
		}
		if len(i.Known.Sizes) != 3 || !i.Known.Sizes[0].Used || i.Known.Sizes[2].Used && i.Known.Sizes[2].Field == dose.FieldWeight {
			t.Errorf("considered %+v; want three sizes", i.Known.Sizes)
		}
		k.approve("Abdomen Routine", "CT_ABDOMEN", "", "")
		o := k.overview("2026-01-01", "2026-12-31")
		if i := first(o); i.Excluded != "" || o.Rows[0].SizeFrom["hl7"] != 1 {
			t.Errorf("excluded %q, weights from %v; want one that counts by what the HIS said", i.Excluded, o.Rows[0].SizeFrom)
		}
	})
}

// TestReasons: which indication reasons tell.
func TestReasons(t *testing.T) {
	library, err := content.Open()
	check(t, err)
	r, err := dose.LoadReasons(library, house)
	check(t, err)
	coded := func(scheme, code string) dose.OrderReason { return dose.OrderReason{Scheme: scheme, Code: code} }
	for _, c := range []struct {
		name    string
		reasons []dose.OrderReason
		want    string
	}{
		{"none", nil, ""},
		{"the category itself", []dose.OrderReason{coded("I10", "I63")}, "STROKE_ACUTE"},
		{"one below it", []dose.OrderReason{coded("ICD-10-GM", "i63.9")}, "STROKE_ACUTE"},
		{"not one beside it", []dose.OrderReason{coded("I10", "I630")}, ""},
		{"the same code of another system", []dose.OrderReason{coded("99LOCAL", "I63")}, ""},
		{"a concept", []dose.OrderReason{coded("SCT", "59282003")}, "PULMONARY_EMBOLISM"},
		{"two that mean one", []dose.OrderReason{coded("I10", "K35.8"), coded("SCT", "74400008")}, "APPENDICITIS"},
		{"two that mean two", []dose.OrderReason{coded("I10", "K35.8"), coded("I10", "I26")}, ""},
		{"one that means something and one that does not", []dose.OrderReason{coded("I10", "Z99"), coded("I10", "I26.0")}, "PULMONARY_EMBOLISM"},
		{"the very word", []dose.OrderReason{{Text: " lungenembolie "}, {Text: "Embolie  pulmonaire"}}, "PULMONARY_EMBOLISM"},
		{"a suspicion in words is not mapped", []dose.OrderReason{{Text: "V.a. Lungenembolie"}}, ""},
		{"codes go before words", []dose.OrderReason{{Text: "Krebs"}, coded("I10", "C34.1")}, "LUNG_CANCER"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := r.Find(c.reasons); got != c.want {
				t.Errorf("indication %q; want %q", got, c.want)
			}
		})
	}
}
