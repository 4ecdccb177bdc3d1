package connect_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"radagora/connect"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/worklist"
)

// dayEnv says how many examinations a day of the synthetic hospital has: 2000 are
// about 10,000 messages.
const dayEnv = "RADAGORA_DAY"

// A hospital writes the messages of one day: no names, no numbers and no habits of
// anybody real.
type hospital struct {
	*rand.Rand
	n        int
	clock    time.Time
	messages [][]byte
}

// tell writes a message, a second after the one before.
func (h *hospital) tell(kind string, segments ...string) {
	h.n++
	h.clock = h.clock.Add(time.Second)
	head := fmt.Sprintf(`MSH|^~\&|RIS|H|RADAGORA|H|%s+0000||%s|D%06d|P|2.5.1`, h.clock.Format("20060102150405"), kind, h.n)
	h.messages = append(h.messages, []byte(head+"\r"+strings.Join(segments, "\r")+"\r"))
}

// day returns the messages of that many examinations, five each on average.
func day(exams int) [][]byte {
	h := &hospital{Rand: rand.New(rand.NewPCG(5, uint64(exams))), clock: time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)}
	for i := 0; i < exams; i += 8 { // what happens at the same time is told in turns
		var all [][]func()
		for k := i; k < min(exams, i+8); k++ {
			all = append(all, h.exam(k))
		}
		for len(all) > 0 {
			k := h.IntN(len(all))
			all[k][0]()
			if all[k] = all[k][1:]; len(all[k]) == 0 {
				all = slices.Delete(all, k, k+1)
			}
		}
	}
	return h.messages
}

// exam returns what is told of one examination, one message after the other.
func (h *hospital) exam(k int) (acts []func()) {
	number := 1000 + k/2 // every patient comes twice
	family, given := fmt.Sprintf("Family%d", number), fmt.Sprintf("Given%d", number)
	id := fmt.Sprint(number)
	temporary := h.IntN(10) == 0
	if temporary {
		id = fmt.Sprintf("T%d", k) // nobody knows yet who it is
	}
	pid := func(id, family string) string {
		return fmt.Sprintf("PID|1||%s^^^HIS^PI||%s^%s||19%02d0203|%s", id, family, given, number%100, []string{"M", "F"}[number%2])
	}
	add := func(act func()) { acts = append(acts, act) }
	adt := func(event, id, family string, more ...string) {
		add(func() { h.tell("ADT^"+event, append([]string{"EVN|" + event, pid(id, family)}, more...)...) })
	}
	start := time.Date(2026, 11, 23, 7+h.IntN(10), h.IntN(60), 0, 0, time.UTC)
	order := func(control string, start time.Time, reason string) {
		patient := id
		add(func() {
			if k%4 == 0 { // an order of two steps
				h.tell("OMI^O23", pid(patient, family), fmt.Sprintf("ORC|%s|P%d|F%d", control, k, k), fmt.Sprintf("TQ1|1||||||%s+0000", start.Format("20060102150405")),
					fmt.Sprintf("OBR|1|P%d|F%d|CTTHO^CT chest^L|||||||||||||||||||||||||||%s", k, k, reason),
					fmt.Sprintf("IPC|A%d|RP%d||S%da|CT|PL1^native^L|||CT1", k, k, k), fmt.Sprintf("IPC|A%d|RP%d||S%db|CT|PL2^contrast^L|||CT1", k, k, k))
				return
			}
			h.tell("ORM^O01", pid(patient, family), fmt.Sprintf("ORC|%s|P%d|F%d||||^^^%s+0000", control, k, k, start.Format("20060102150405")),
				fmt.Sprintf("OBR|1|P%d|F%d|CTABD^CT abdomen^L||||||||||||||A%d|RP%d|S%d||||CT|||^^^%s+0000||||%s", k, k, k, k, k, start.Format("20060102150405"), reason))
		})
	}
	if h.IntN(3) == 0 {
		adt("A04", id, family+"x") // mistyped
		adt("A08", id, family)
	} else {
		adt("A04", id, family)
	}
	order("NW", start, "pain")
	if h.IntN(2) == 0 {
		adt("A08", id, family, fmt.Sprintf("OBX|1|NM|29463-7^Weight^LN||%d|kg|||||F", 50+h.IntN(60)), fmt.Sprintf("OBX|2|NM|8302-2^Height^LN||1%d|cm|||||F", 50+h.IntN(40)))
	}
	moved, patient := start.Add(90*time.Minute), id
	appoint := func(event string, at time.Time) {
		add(func() {
			h.tell("SIU^"+event, fmt.Sprintf("SCH|AP%d|||||||||||||||||||||||||P%d|F%d", k, k, k), pid(patient, family), "RGS|1",
				fmt.Sprintf("AIS|1||CTABD^CT abdomen^L|%s+0000|0|min|20|min", at.Format("20060102150405")))
		})
	}
	appoint("S13", moved)
	switch h.IntN(6) {
	case 0:
		appoint([]string{"S15", "S17", "S26"}[h.IntN(3)], moved) // the appointment is no more, the order waits
	case 1:
		appoint("S15", moved)
		appoint("S12", moved.Add(26*time.Hour))
	}
	if h.IntN(3) == 0 {
		order("XO", start.Add(3*time.Hour), "pain and fever")
	}
	if temporary {
		own := fmt.Sprint(number)
		adt("A40", own, family, "MRG|"+id+"^^^HIS^PI")
		if h.IntN(4) == 0 {
			adt("A37", own, family, "PID|2||"+id+"^^^HIS^PI") // it was somebody else after all
		} else {
			id = own
		}
	}
	add(func() {
		h.tell("ORU^R01", pid(id, family), fmt.Sprintf("OBR|1|P%d|F%d|VITAL^Vital signs^L", k, k), fmt.Sprintf("OBX|1|NM|29463-7^Weight^LN||%d.5|kg|||||F", 50+k%50))
	})
	if h.IntN(10) == 0 {
		order("CA", start, "")
	}
	return acts
}

// state says what a desk has come to: persons and what is known of them, links, and
// orders with their steps. What the program makes up itself is left out.
func (k *desk) state() string {
	k.t.Helper()
	var lines []string
	keys, err := db.List(k.ctx, k.db, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select distinct person from person_fact`)
	k.check(err)
	for _, key := range keys {
		lines = append(lines, key+": "+k.known(key))
		links, err := k.people.Links(k.ctx, at, key)
		k.check(err)
		for _, l := range links {
			if l.Ended.IsZero() {
				lines = append(lines, strings.Join([]string{l.Kind, l.A, l.B}, " "))
			}
		}
	}
	var entries []worklist.Entry
	for _, key := range keys { // all at once are more than a list shows
		orders, err := k.worklist.Numbered(k.ctx, at, worklist.Numbers{Person: key})
		k.check(err)
		for _, o := range orders {
			for _, s := range o.Steps {
				entries = append(entries, worklist.Entry{Order: o, Step: s})
			}
		}
	}
	for _, e := range entries {
		o, s := e.Order, e.Step
		lines = append(lines, fmt.Sprint("order ", o.Placer, o.Filler, o.Accession, o.ProcedureID, " ", o.Description, " ", o.Reason, " ", o.Patient.Issuer, o.Patient.ID, " ",
			o.Patient.Name, o.Patient.BirthDate, o.Patient.Sex, " ", o.Patient.WeightKG, " ", o.Patient.HeightM, " ", o.State, " ",
			s.ID, s.Modality, s.Start, s.Description, " ", s.Stations, " ", s.State))
	}
	gone, err := db.List(k.ctx, k.db, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, // what it said last depends on when it was cancelled
		`select 'order cancelled ' || placer || filler || accession || procedure_id from worklist_order where state = 'cancelled'`)
	k.check(err)
	lines = append(lines, gone...)
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// TestDay has a hospital tell of a day in order, out of order within some minutes, in
// no order at all, and everything twice, and expects the same persons, facts, links,
// orders and worklist each time.
func TestDay(t *testing.T) {
	exams := 60
	if s := os.Getenv(dayEnv); s != "" {
		var err error
		if exams, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	messages := day(exams)
	near := slices.Clone(messages)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range near {
		j := min(len(near)-1, i+r.IntN(40))
		near[i], near[j] = near[j], near[i]
	}
	far := slices.Clone(messages)
	r.Shuffle(len(far), func(i, j int) { far[i], far[j] = far[j], far[i] })
	var twice [][]byte
	for _, m := range messages {
		twice = append(twice, m, m)
	}
	back := slices.Clone(messages)
	slices.Reverse(back)
	want := ""
	for _, c := range []struct {
		name     string
		messages [][]byte
	}{{"in order", messages}, {"within some minutes", near}, {"in no order", far}, {"backwards", back}, {"twice", twice}} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.accept(func(c *connect.Channel) { c.State = connect.Held })
			for _, m := range c.messages {
				_, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: m, Address: "10.1.2.3"})
				k.check(err)
			}
			all, err := k.Channels(k.ctx, at)
			k.check(err)
			all[0].State = connect.Accepted
			began := time.Now()
			_, err = k.SetChannel(k.ctx, all[0])
			k.check(err)
			k.settleIn(30 * time.Minute)
			took := time.Since(began)
			left, err := k.Messages(k.ctx, at, connect.Filter{States: []connect.State{connect.Waiting, connect.Failed}})
			k.check(err)
			for _, m := range left {
				t.Errorf("%s %s: %s %s %v", m.Control, m.Code, m.State, m.Reason, m.Detail)
			}
			t.Logf("%d messages applied in %v: %.0f/s", len(c.messages), took.Round(time.Millisecond), float64(len(c.messages))/took.Seconds())
			got := k.state()
			if want == "" {
				want = got
				if n := strings.Count(got, "\norder "); n < exams {
					t.Fatalf("%d steps of %d examinations: the day tests nothing", n, exams)
				}
			}
			if got != want {
				t.Errorf("another state:\n%s", difference(want, got))
			}
		})
	}
}

// difference returns the first lines that only one of two texts has.
func difference(want, got string) string {
	var out []string
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, l := range a {
		if !slices.Contains(b, l) && len(out) < 10 {
			out = append(out, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) && len(out) < 20 {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
