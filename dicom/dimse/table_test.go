package dimse

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines returns the lines of a file in testdata that are neither empty nor comments.
func lines(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if text := s.Text(); text != "" && text[0] != '#' {
			out = append(out, text)
		}
	}
	return out
}

// standard reads the transcription of Table 9-10: cells[event][state] as text.
func standard(t *testing.T) [events][states]string {
	t.Helper()
	var cells [events][states]string
	all := lines(t, "table_9-10.txt")
	if len(all) != events {
		t.Fatalf("%d lines; want a heading and %d events", len(all), events-1)
	}
	for e, line := range all[1:] {
		cell := strings.Fields(line)
		if len(cell) != states || cell[0] != fmt.Sprintf("Evt%d", e+1) {
			t.Fatalf("line %d: %q", e+2, line)
		}
		for s := 1; s < states; s++ {
			cells[e+1][s] = strings.TrimPrefix(cell[s], ".")
		}
	}
	return cells
}

func TestTransitionsAreTable910(t *testing.T) {
	cells := standard(t)
	written := 0
	for e := 1; e < events; e++ {
		for s := 1; s < states; s++ {
			got := transitions[e][s].String()
			if got != cells[e][s] {
				t.Errorf("Evt%d in Sta%d: %q; want %q", e, s, got, cells[e][s])
			}
			if got != "" {
				written++
			}
		}
	}
	if written != 123 {
		t.Errorf("%d cells are written; the table has 123", written)
	}
	for i := range events {
		if transitions[i][0] != blank {
			t.Errorf("Evt%d has an action in no state", i)
		}
	}
}

// spelled is an action as testdata/actions.txt tells it.
type spelled struct {
	Do   []string
	Next string
}

// actionsOfStandard reads the transcription of Tables 9-6 to 9-9.
func actionsOfStandard(t *testing.T) map[string]spelled {
	t.Helper()
	out := map[string]spelled{}
	for _, line := range lines(t, "actions.txt") {
		f := strings.Split(line, "|")
		if len(f) != 3 {
			t.Fatalf("line %q", line)
		}
		a := spelled{Next: strings.TrimSpace(f[2])}
		for d := range strings.SplitSeq(f[1], ",") {
			if d = strings.TrimSpace(d); d != "" {
				a.Do = append(a.Do, d)
			}
		}
		out[strings.TrimSpace(f[0])] = a
	}
	return out
}

// A tape records what a provider does to its connection.
type tape struct {
	net.Conn
	did *[]string
}

func (c tape) Write(b []byte) (int, error) {
	name := map[pduType]string{
		associateRQ: "A-ASSOCIATE-RQ", associateAC: "A-ASSOCIATE-AC", associateRJ: "A-ASSOCIATE-RJ",
		dataTF: "P-DATA-TF", releaseRQ: "A-RELEASE-RQ", releaseRP: "A-RELEASE-RP",
		abortPDU: fmt.Sprintf("A-ABORT source %d", b[max(len(b)-2, 0)]),
	}[pduType(b[0])]
	*c.did = append(*c.did, "send "+name)
	return len(b), nil
}

func (c tape) Close() error {
	*c.did = append(*c.did, "close")
	return nil
}

func (tape) SetWriteDeadline(time.Time) error { return nil }

// sends is the PDU that the local user hands over with an event.
var sends = map[event][]byte{
	evt2: {byte(associateRQ)}, evt7: {byte(associateAC)}, evt8: {byte(associateRJ)},
	evt9: {byte(dataTF)}, evt11: {byte(releaseRQ)}, evt14: {byte(releaseRP)},
}

// behave puts a provider into a state, lets an event happen and tells what it did.
func behave(t *testing.T, s state, e event, holds bool) (did []string, next state, ok bool) {
	t.Helper()
	p := newProvider(&provider{
		now: time.Now, limits: Limits{ARTIM: time.Hour}.Filled(), lend: &batches{},
		end: func(error) {},
		dial: func(context.Context) (net.Conn, error) {
			return nil, net.ErrClosed
		},
	})
	defer close(p.ended)
	if !holds || transitions[e][s] == ae6 {
		p.acceptable = func(*associate) *RejectionError {
			if holds {
				return nil
			}
			return ErrLocalLimit
		}
	}
	p.conn, p.state = tape{did: &did}, s
	b := &batch{}
	ok = p.fire(input{event: e, pdu: sends[e], msg: &associate{}, batch: b})
	if p.undial != nil {
		did = append(did, "connect")
	}
	return append(did, told(p, e)...), p.state, ok
}

// told tells what the tape does not show: the indications.
func told(p *provider, e event) (did []string) {
	for _, i := range p.pending {
		if i.event == e && i.err == nil {
			did = append(did, "indicate")
		} else {
			did = append(did, "indicate abort")
		}
	}
	return did
}

// TestEveryPair runs the machine, not the table: each of 13 states with each of 19
// events, and the conditions both ways.
func TestEveryPair(t *testing.T) {
	cells, actions := standard(t), actionsOfStandard(t)
	for e := evt1; int(e) < events; e++ {
		for s := sta1; int(s) < states; s++ {
			name := cells[e][s]
			for _, holds := range []bool{true, false} {
				want, ok := actions[name+map[bool]string{false: "!"}[holds]]
				if !ok && !holds {
					continue // no condition
				}
				did, next, fired := behave(t, s, e, holds)
				if name == "" {
					want = spelled{Next: fmt.Sprintf("Sta%d", s)}
				}
				if fired != (name != "") {
					t.Errorf("Evt%d in Sta%d: acted %v; the cell is %q", e, s, fired, name)
				}
				if got := fmt.Sprintf("Sta%d", next); got != want.Next {
					t.Errorf("Evt%d in Sta%d (%s, condition %v): next is %s; want %s", e, s, name, holds, got, want.Next)
				}
				if d := cmp.Diff(sorted(visible(want.Do)), sorted(did)); d != "" {
					t.Errorf("Evt%d in Sta%d (%s, condition %v): (-want +got)\n%s", e, s, name, holds, d)
				}
			}
		}
	}
}

// visible leaves out the timer, which TestStepsAreActions sees to.
func visible(all []string) (out []string) {
	for _, d := range all {
		if !strings.HasSuffix(d, "timer") {
			out = append(out, d)
		}
	}
	return out
}

func sorted(all []string) map[string]int {
	m := map[string]int{}
	for _, d := range all {
		m[d]++
	}
	return m
}

// TestStepsAreActions compares the spelled-out actions, in order, with the standard.
func TestStepsAreActions(t *testing.T) {
	words := map[effect]string{
		connect: "connect", send: "send", sendAbortUser: "send A-ABORT source 0", sendAbortOwn: "send A-ABORT source 2",
		sendReject: "send A-ASSOCIATE-RJ", indicate: "indicate", indicateAbort: "indicate abort",
		startTimer: "start timer", stopTimer: "stop timer", closeTransport: "close",
	}
	got := map[string]spelled{}
	spell := func(s *step, wanted spelled) spelled {
		out := spelled{Next: fmt.Sprintf("Sta%d", s.next)}
		for i, e := range s.do {
			word := words[e]
			if e == send && i < len(wanted.Do) && strings.HasPrefix(wanted.Do[i], "send ") {
				word = wanted.Do[i] // which PDU it is, TestEveryPair sees
			}
			out.Do = append(out.Do, word)
		}
		return out
	}
	want := actionsOfStandard(t)
	for a := ae1; a < actionCount; a++ {
		got[a.String()] = spell(&steps[a], want[a.String()])
		if o := steps[a].otherwise; o != nil {
			got[a.String()+"!"] = spell(o, want[a.String()+"!"])
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("actions (-want +got)\n%s", d)
	}
}

// TestTimer checks that the effects on the timer are real.
func TestTimer(t *testing.T) {
	p := newProvider(&provider{now: time.Now, limits: Limits{ARTIM: time.Millisecond}.Filled()})
	p.perform(startTimer, input{})
	select {
	case <-p.timer.C:
	case <-time.After(time.Minute):
		t.Error("the timer was started and did not expire")
	}
	p.perform(startTimer, input{})
	p.perform(stopTimer, input{})
	select {
	case <-p.timer.C:
		t.Error("the timer was stopped and expired")
	case <-time.After(20 * time.Millisecond):
	}
}
