package connect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
	"radagora/job"
	"radagora/journal"
	"radagora/worklist"
)

// A listener is a system that takes messages over a line of its own, and answers as it
// is told.
type listener struct {
	net.Listener
	mu     sync.Mutex
	got    []*hl7.Message
	answer func(n int, message []byte) []byte // nil closes the connection
}

// listen opens a receiver; the zero answer is AA.
func listen(t *testing.T, answer func(n int, message []byte) []byte) *listener {
	t.Helper()
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return hear(t, tcp, answer)
}

// hear takes messages at a listener.
func hear(t *testing.T, tcp net.Listener, answer func(n int, message []byte) []byte) *listener {
	t.Helper()
	if answer == nil {
		answer = func(_ int, m []byte) []byte { return accepted(m, nil) }
	}
	l := &listener{Listener: tcp, answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.talk(conn) })
		}
	})
	t.Cleanup(func() { _ = tcp.Close(); wg.Wait() })
	return l
}

// accepted is the answer to a message.
func accepted(m []byte, err error) []byte {
	return hl7.Acknowledge(m, hl7.Accept, hl7.Reply{Err: err, Now: time.Now(), ControlID: "A"})
}

// talk takes the messages of a connection.
func (l *listener) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		raw, err := in.ReadBytes(0x1C)
		if err != nil {
			return
		}
		_, _ = in.ReadByte()
		body := raw[1 : len(raw)-1]
		m, err := hl7.Parse(body, nil)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.got = append(l.got, m)
		n := len(l.got)
		l.mu.Unlock()
		answer := l.answer(n, body)
		if answer == nil {
			return
		}
		if _, err := conn.Write(mllp.Frame(answer)); err != nil {
			return
		}
	}
}

// controls are the control ids that came, in order.
func (l *listener) controls() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		all = append(all, m.Header().ControlID)
	}
	return all
}

// messages are those that came, as text.
func (l *listener) messages() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.got {
		all = append(all, string(m.Bytes()))
	}
	return all
}

// doses is what studies come to, as a test says.
type doses struct {
	mu  sync.Mutex
	all map[string]connect.Dose
}

func (d *doses) Dose(_ context.Context, _, study, language string) (connect.Dose, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, ok := d.all[study]
	if !ok {
		return x, fault.Errorf(fault.NotFound, "no dose")
	}
	x.Sentence = language + ": " + x.Sentence
	return x, nil
}

// receives makes a listener a receiver.
func (k *desk) receives(l *listener, change func(*connect.Receiver)) string {
	k.t.Helper()
	c := out(l.Addr().String())
	if change != nil {
		change(&c)
	}
	id, err := k.SetReceiver(k.ctx, c)
	k.check(err)
	return id
}

// receivesAt makes whoever listens at an address a receiver.
func (k *desk) receivesAt(address string) {
	k.t.Helper()
	_, err := k.SetReceiver(k.ctx, out(address))
	k.check(err)
}

// out is a receiver at an address.
func out(address string) connect.Receiver {
	return connect.Receiver{
		Site: at, Address: address, Application: "RADAGORA", Facility: "H", ToApplication: "RIS", ToFacility: "H", State: connect.Enabled,
		Kinds: connect.OutKinds(), Home: "HIS",
	}
}

func (d *doses) set(x connect.Dose) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x.Values = slices.Clone(x.Values)
	d.all = map[string]connect.Dose{x.Study: x}
}

// complete has the worklist find that a study is complete. What is in the archive is
// not the matter here: rows and entry are written as the worklist does.
func (k *desk) complete(study string) {
	k.t.Helper()
	k.check(k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		for _, s := range []string{
			`insert into worklist_study (site_id, study_uid, person, accession, match, reason, order_id, instances, first_at, last_at, calling_ae, stirred_at, due_at)
				select 'default', $1, person, accession, 'matched', 'study_uid', order_id, 1, 1, 1, 'CT1', 0, 0 from worklist_order where study_uid = $1
				on conflict (site_id, study_uid) do nothing`,
			`insert into worklist_announced (site_id, study_uid, state, reason, instances, expected, at, times) values ('default', $1, 'complete', 'quiet', 1, 0, 9000000000000, 1)
				on conflict (site_id, study_uid) do nothing`,
		} {
			if _, err := tx.Exec(k.t.Context(), s, study); err != nil {
				return err
			}
		}
		return k.journal.Append(k.t.Context(), tx, journal.Entry{Site: at, At: k.clock(), Actor: "system:worklist", Kind: worklist.KindComplete, Subject: study})
	}))
}

// waits waits until something holds, and lets time pass meanwhile.
func (k *desk) waits(what string, holds func() bool) {
	k.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		k.mu.Lock()
		k.now = k.now.Add(10 * time.Millisecond)
		k.mu.Unlock()
		if time.Now().After(end) {
			k.t.Fatalf("waited a minute for %s", what)
		}
	}
}

// out says what became of the outgoing messages, the first first.
func (k *desk) out() (all []string) {
	k.t.Helper()
	list, err := k.OutMessages(k.ctx, at, connect.OutFilter{})
	k.check(err)
	for _, m := range slices.Backward(list) {
		all = append(all, strings.TrimSpace(m.Code+" "+string(m.State)+" "+m.Reason))
	}
	return all
}

// typed writes an order as somebody types it in.
func (k *desk) typed(change func(*worklist.Order)) worklist.Order {
	k.t.Helper()
	o := worklist.Order{
		Site: at, Patient: worklist.Patient{ID: "4711", Name: "Muster^Erika", BirthDate: "1980-02-03", Sex: "F", Location: "W1"},
		Accession: "A100", Study: "1.2.3.4", Description: "CT Schädel | nativ", Code: &worklist.Code{Value: "CTH", Scheme: "L", Meaning: "CT Schädel"},
		Reason: "Sturz & Kopfschmerz", ReferringPhysician: "Weber^Anna^^Dr.", Priority: "STAT",
		Steps: []worklist.Step{{Stations: []string{"CT1"}, Modality: "CT", Start: "2026-11-23T09:30:00", Description: "CT Schädel"}},
	}
	if change != nil {
		change(&o)
	}
	o, _, err := k.worklist.Create(k.ctx, worklist.Request{Order: o, Origin: worklist.FromPage})
	k.check(err)
	return o
}

// TestOrdersGoOut has somebody type an order in, and a machine and a person change it.
// The receiver hears of each, and reads what is meant: through our own reading.
func TestOrdersGoOut(t *testing.T) {
	for _, form := range []struct {
		version, code string
		places        map[string]string
	}{
		{"2.3.1", "ORM^O01", map[string]string{"OBR-18": "A100", "OBR-24": "CT", "OBR-20": "A100-1", "ZDS-1.1": "1.2.3.4", "OBR-36": "20261123093000+0100", "PV1-3": "W1"}},
		{"2.5.1", "OMI^O23", map[string]string{"IPC-1.1": "A100", "IPC-5.1": "CT", "IPC-4.1": "A100-1", "IPC-3.1": "1.2.3.4", "TQ1-7": "20261123093000+0100", "IPC-9": "CT1"}},
	} {
		t.Run(form.code, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k, l := newDesk(t, d), listen(t, nil)
				k.receives(l, func(c *connect.Receiver) { c.Version = form.version })
				o := k.typed(nil)
				o.Steps[0].Start = "2026-11-23T11:00:00"
				o, err := k.worklist.Change(k.ctx, o)
				k.check(err)
				for _, to := range []worklist.State{worklist.Arrived, worklist.Completed} {
					_, err = k.worklist.SetStep(k.ctx, at, o.ID, o.Steps[0].Key, to)
					k.check(err)
				}
				_, err = k.worklist.Cancel(k.ctx, at, o.ID, 0, "test")
				k.check(err)
				k.waits("five messages", func() bool { return len(l.controls()) == 5 })
				var said []string
				for _, m := range l.got {
					orc := m.Segment("ORC", 1)
					said = append(said, m.Header().Type+"^"+m.Header().Trigger+" "+orc.Field(1).Text()+" "+orc.Field(5).Text())
				}
				want := []string{form.code + " NW SC", form.code + " XO SC", form.code + " SC SC", form.code + " SC CM", form.code + " CA CA"}
				if diff := cmp.Diff(want, said); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				for place, text := range form.places {
					v := l.got[0].Text(place)
					if v != text {
						t.Errorf("%s = %q; want %q", place, v, text)
					}
				}
				library, err := content.Open()
				k.check(err)
				mapping, err := connect.NewMapping(library, at, "")
				k.check(err)
				berlin, err := time.LoadLocation("Europe/Berlin")
				k.check(err)
				e := mapping.Read(l.got[0], connect.Reading{Zone: time.UTC, Place: berlin})
				q := e.Orders[0].Requested
				got := []string{e.Patient.Numbers[0].Issuer, e.Patient.Numbers[0].Value, e.Orders[0].Control, q.Accession, q.Description, q.Reason, q.ReferringPhysician, q.Priority, q.Study, q.Steps[0].Modality, q.Steps[0].Start, q.Steps[0].ID}
				if diff := cmp.Diff([]string{"HIS", "4711", "new", "A100", "CT Schädel", "Sturz & Kopfschmerz", "Weber^Anna^^Dr.", "STAT", "1.2.3.4", "CT", "2026-11-23T09:30:00", "A100-1"}, got); diff != "" {
					t.Errorf("read again (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestNothingGoesBack has a system order something: it is told how far that is, and
// not what it said itself.
func TestNothingGoesBack(t *testing.T) {
	k, ris, other := newDesk(t, dbtest.Open(t, dbtest.SQLite(t))), listen(t, nil), listen(t, nil)
	k.accept(nil) // RIS of H
	k.receives(ris, nil)
	k.receives(other, func(c *connect.Receiver) { c.ToApplication = "EYE" })
	order := []string{pid, "ORC|NW|P1|||||^^^20261122120000", "OBR|1|P1||CTH^CT head^L||||||||||||||A1|RP1|S1||||CT||||||||||||20261122120000"}
	k.send(message("ORM^O01", 1, order...))
	list, err := k.worklist.Numbered(k.ctx, at, worklist.Numbers{Placer: "P1"})
	k.check(err)
	if len(list) != 1 {
		t.Fatalf("%d orders; want 1", len(list))
	}
	_, err = k.worklist.SetStep(k.ctx, at, list[0].ID, list[0].Steps[0].Key, worklist.Completed)
	k.check(err)
	k.waits("three messages", func() bool { return len(ris.controls()) == 1 && len(other.controls()) == 2 })
	if m := ris.messages()[0]; !strings.Contains(m, "\rORC|SC|P1|") || !strings.Contains(m, "|CM|") {
		t.Errorf("the system that ordered heard %q; want the state of its order P1", m)
	}
	// The other system sends on what it gets.
	echo := []byte(strings.Replace(other.messages()[0], "|RADAGORA|H|EYE|H|", "|RIS|H|RADAGORA|H|", 1))
	if ids := k.send(echo); k.became(ids[0]) != "applied own" {
		t.Errorf("a message of ours that came back: %s; want applied own", k.became(ids[0]))
	}
}

// TestReceiversThatFail sends to those who are down, refuse, hang, or go away after the
// message: nothing is lost, nothing goes out of order, and what is sent again has the
// same control id.
func TestReceiversThatFail(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int, m []byte) []byte
		want   []string // what became of two messages
		times  int      // that messages came
	}{
		{"cut after the message", func(n int, m []byte) []byte {
			if n <= 2 {
				return nil
			}
			return accepted(m, nil)
		}, []string{"OMI^O23 sent AA", "OMI^O23 sent AA"}, 4},
		{"the first is refused as wrong", func(n int, m []byte) []byte {
			if n == 1 {
				return accepted(m, fault.Errorf(fault.Invalid, "no such procedure"))
			}
			return accepted(m, nil)
		}, []string{"OMI^O23 refused AE 102", "OMI^O23 sent AA"}, 2},
		{"the first is rejected", func(n int, m []byte) []byte {
			if n == 1 {
				return accepted(m, fault.Errorf(fault.Unsupported, "no such message"))
			}
			return accepted(m, nil)
		}, []string{"OMI^O23 refused AR 200", "OMI^O23 sent AA"}, 2},
		{"an answer to something else, then none in time", func(n int, m []byte) []byte {
			if n == 1 {
				return []byte(strings.Replace(string(accepted(m, nil)), "MSA|AA|RG", "MSA|AA|XX", 1))
			}
			return accepted(m, nil)
		}, []string{"OMI^O23 sent AA", "OMI^O23 sent AA"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, l := newDesk(t, dbtest.Open(t, dbtest.SQLite(t))), listen(t, c.answer)
			k.receives(l, func(c *connect.Receiver) { c.Kinds = []connect.OutKind{connect.OutChanges} })
			o := k.typed(nil)
			_, err := k.worklist.Cancel(k.ctx, at, o.ID, 0, "test")
			k.check(err)
			k.waits("the end", func() bool {
				return !slices.ContainsFunc(k.out(), func(s string) bool { return strings.Contains(s, "queued") }) && len(k.out()) == 2
			})
			if diff := cmp.Diff(c.want, k.out()); diff != "" {
				t.Errorf("outgoing (-want +got):\n%s", diff)
			}
			came := l.controls()
			if len(came) != c.times || len(slices.Compact(slices.Clone(came))) != 2 {
				t.Errorf("control ids %v; want %d messages of two ids, one after the other", came, c.times)
			}
		})
	}
}

// TestReceiverIsDown has messages wait for one who is not there, in order, and others
// go on; paused, nothing is sent.
func TestReceiverIsDown(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, up := newDesk(t, d), listen(t, nil)
		down, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		k.check(err)
		k.check(down.Close())
		dead := k.receives(&listener{Listener: down}, func(c *connect.Receiver) { c.ToApplication = "DOWN" })
		k.receives(up, nil)
		k.typed(nil)
		k.waits("the one that is up, and trouble with the other", func() bool {
			all, err := k.OutTraffic(k.ctx, at)
			k.check(err)
			return len(up.controls()) == 1 && all[0].Receiver.Failures > 2 && all[0].Receiver.Trouble != "" && all[0].Counts[connect.Queued] == 1
		})
		now := listen(t, nil)
		list, err := k.Receivers(k.ctx, at)
		k.check(err)
		c := list[0]
		if c.ID != dead {
			t.Fatalf("the first receiver is %s", c.Name)
		}
		c.Address, c.State = now.Addr().String(), connect.Paused
		_, err = k.SetReceiver(k.ctx, c)
		k.check(err)
		k.typed(func(o *worklist.Order) { o.Accession, o.Study = "A101", "1.2.3.5" })
		k.waits("the second at the other", func() bool { return len(up.controls()) == 2 })
		if n := len(now.controls()); n != 0 {
			t.Errorf("a paused receiver got %d messages", n)
		}
		c.State = connect.Enabled
		_, err = k.SetReceiver(k.ctx, c)
		k.check(err)
		k.waits("both", func() bool { return len(now.controls()) == 2 })
		if m := now.messages(); !strings.Contains(m[0], "A100") || !strings.Contains(m[1], "A101") {
			t.Error("they did not come in order")
		}
	})
}

// TestKilledBeforeItIsNoted has a message taken, and the program end before that is
// written: the same one is sent again.
func TestKilledBeforeItIsNoted(t *testing.T) {
	k, l := newDesk(t, dbtest.Open(t, dbtest.SQLite(t))), listen(t, nil)
	id := k.receives(l, nil)
	k.typed(nil)
	k.waits("it", func() bool { return slices.Equal(k.out(), []string{"OMI^O23 sent AA"}) })
	k.check(k.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `update connect_outgoing set state = 'queued', done_at = 0`)
		if err != nil {
			return err
		}
		return k.jobs.Add(t.Context(), tx, job.Job{Site: at, Kind: "connect.outgoing.send", Key: id})
	}))
	k.waits("it again", func() bool { return len(l.controls()) == 2 && slices.Equal(k.out(), []string{"OMI^O23 sent AA"}) })
	if c := l.controls(); c[0] != c[1] {
		t.Errorf("control ids %v; want the same twice", c)
	}
}

// TestDeadLetters has a person send, correct and set aside.
func TestDeadLetters(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	l := listen(t, func(n int, m []byte) []byte {
		if n <= 2 {
			return accepted(m, fault.Errorf(fault.Invalid, "no"))
		}
		return accepted(m, nil)
	})
	k.receives(l, nil)
	k.typed(nil)
	k.waits("a refusal", func() bool { return slices.Equal(k.out(), []string{"OMI^O23 refused AE 102"}) })
	first, err := k.OutMessages(k.ctx, at, connect.OutFilter{States: []connect.OutState{connect.Refused}})
	k.check(err)
	again, err := k.SendAgain(k.ctx, at, first[0].ID, nil, "they corrected their table")
	k.check(err)
	k.waits("another refusal", func() bool { return len(l.controls()) == 2 && k.out()[1] == "OMI^O23 refused AE 102" })
	m, err := k.OutMessage(k.ctx, at, again)
	k.check(err)
	if !strings.Contains(string(m.Answer), "MSA|AE|") {
		t.Errorf("the answer is not kept: %q", m.Answer)
	}
	_, err = k.SendAgain(k.ctx, at, again, []byte(strings.Replace(string(m.Body), "CT1", "CT2", 1)), "another station")
	k.check(err)
	k.waits("the corrected one", func() bool {
		return slices.Equal(k.out(), []string{"OMI^O23 replaced AE 102", "OMI^O23 replaced AE 102", "OMI^O23 sent AA"})
	})
	c := l.controls()
	if c[0] != c[1] || c[2] == c[1] {
		t.Errorf("control ids %v; want the same twice, and another one for the corrected message", c)
	}
	if _, err := k.SendAgain(k.ctx, at, first[0].ID, nil, "once more"); fault.Of(err) != fault.Conflict {
		t.Errorf("a corrected message: %v; want a conflict", err)
	}
}

// TestUnwritable has a name that the receiver's character set has no letters for: a
// person sees it, the name is not falsified, the others go on.
func TestUnwritable(t *testing.T) {
	k, l := newDesk(t, dbtest.Open(t, dbtest.SQLite(t))), listen(t, nil)
	k.receives(l, func(c *connect.Receiver) { c.Charset = "8859/1" })
	k.typed(func(o *worklist.Order) { o.Patient.Name = "山田^太郎" })
	k.typed(func(o *worklist.Order) { o.Accession, o.Study = "A101", "1.2.3.5" })
	k.waits("both", func() bool { return slices.Equal(k.out(), []string{"failed unwritable", "OMI^O23 sent AA"}) })
	if m := l.messages()[0]; !strings.Contains(m, "Sch\xe4del") {
		t.Error("the message is not in ISO 8859-1")
	}
}

// TestDoseGoesOut tells a receiver what a study came to, once, and again when that
// changes.
func TestDoseGoesOut(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, l := newDesk(t, d), listen(t, nil)
		k.receives(l, func(c *connect.Receiver) { c.Kinds, c.Language = []connect.OutKind{connect.OutDose}, "de" })
		k.typed(func(o *worklist.Order) { o.Placer, o.Filler = "P1", "F1" })
		dose := connect.Dose{
			Study: "1.2.3.4", Patient: worklist.Patient{ID: "4711"}, Accession: "A100", At: k.clock(), Sentence: "CT 812 mGy·cm & more",
			Values: []connect.DoseValue{{"dlp_mgycm", "1", "812.4", "mGy.cm"}, {"ctdivol_mgy", "1.2", "45", "mGy"}},
		}
		k.doses.set(dose)
		k.complete("1.2.3.4")
		k.waits("the dose", func() bool { return len(l.controls()) == 1 })
		k.complete("1.2.3.4") // nothing new
		dose.Values[0].Value = "900"
		k.doses.set(dose)
		k.complete("1.2.3.4")
		k.waits("the correction", func() bool { return len(l.controls()) == 2 })
		m := l.got[0]
		for place, want := range map[string]string{
			"MSH-9": "ORU^R01^ORU_R01", "ORC-1": "RE", "OBR-2": "P1", "OBR-3": "F1", "OBR-18": "A100", "OBR-25": "F", "PID-3": "4711^^^HIS^PI",
			"OBX[1]-3": "73569-6^Radiation exposure and protection information^LN", "OBX[1]-5": `de: CT 812 mGy·cm \T\ more`, "OBX[2]-5": "1.2.3.4",
			"OBX[3]-3": "113813^CT Dose Length Product Total^DCM", "OBX[3]-4": "1", "OBX[3]-5": "812.4", "OBX[3]-6": "mGy.cm^mGy.cm^UCUM", "OBX[3]-11": "F",
			"OBX[4]-3.1": "113830", "OBX[4]-5": "45",
		} {
			p, err := hl7.ParsePath(place)
			k.check(err)
			v := m.Segment(p.Segment, max(1, p.Occurrence)).Field(p.Field)
			if p.Component > 0 {
				v = v.Component(p.Component)
			}
			if got := string(v.Raw()); got != want {
				t.Errorf("%s = %q; want %q", place, got, want)
			}
		}
		if status := l.got[1].Segment("OBR", 1).Field(25).Text(); status != "C" {
			t.Errorf("the correction says %q; want C", status)
		}
	})
}

// TestContentsAreRemoved keeps headers and states for good, and contents for as long
// as the content set says.
func TestContentsAreRemoved(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		l := listen(t, func(n int, m []byte) []byte {
			if n == 2 {
				return accepted(m, fault.Errorf(fault.Invalid, "no"))
			}
			return accepted(m, nil)
		})
		k.accept(nil)
		k.receives(l, nil)
		in := k.send(message("ADT^A08", 1, "EVN|A08", pid), message("ADT^A08", 2, "EVN|A08"))
		k.typed(nil)
		k.typed(func(o *worklist.Order) { o.Accession, o.Study = "A101", "1.2.3.5" })
		k.waits("two answers", func() bool { return slices.Equal(k.out(), []string{"OMI^O23 sent AA", "OMI^O23 refused AE 102"}) })
		n, err := k.Prune(t.Context(), at)
		if k.check(err); n != 0 {
			t.Errorf("%d emptied on the first day", n)
		}
		k.mu.Lock()
		k.now = k.now.AddDate(0, 0, 91)
		k.mu.Unlock()
		n, err = k.Prune(t.Context(), at)
		if k.check(err); n != 3 {
			t.Errorf("%d emptied; want the one in and the one out that had their effect, and the one about nobody", n)
		}
		m, err := k.Message(k.ctx, at, in[0])
		k.check(err)
		if len(m.Body) != 0 || !m.Emptied || m.Control == "" || m.State != connect.Applied {
			t.Errorf("%d bytes, emptied %t, state %s; want no bytes, and the header", len(m.Body), m.Emptied, m.State)
		}
		if m, err = k.Message(k.ctx, at, in[1]); err != nil || len(m.Body) != 0 || m.State != connect.Failed {
			t.Errorf("what failed and is about nobody kept its content: %d bytes, %v", len(m.Body), err)
		}
		out, err := k.OutMessages(k.ctx, at, connect.OutFilter{States: []connect.OutState{connect.Refused}})
		k.check(err)
		if len(out) != 1 || out[0].Emptied {
			t.Errorf("what was refused lost its content: %+v", out)
		}
		if _, err := k.Replay(k.ctx, at, in[0], nil, "again"); fault.Of(err) != fault.Conflict {
			t.Errorf("replay without content: %v; want a conflict", err)
		}
	})
}

// TestReceiverOfAnotherMake sends to python3-hl7.
func TestReceiverOfAnotherMake(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import hl7.mllp").Run(); err != nil {
		t.Skip("python3-hl7 is not installed")
	}
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	peer := exec.CommandContext(ctx, "/usr/bin/python3", "testdata/receiver.py", "AA")
	out, err := peer.StdoutPipe()
	k.check(err)
	k.check(peer.Start())
	t.Cleanup(func() { _ = peer.Process.Kill(); _ = peer.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the receiver did not begin")
	}
	k.receivesAt("127.0.0.1:" + lines.Text())
	k.typed(nil)
	var got struct {
		Control  string
		Segments []struct {
			Name   string
			Fields []string
		}
	}
	if !lines.Scan() {
		t.Fatal("nothing came")
	}
	k.check(json.Unmarshal(lines.Bytes(), &got))
	k.waits("the answer", func() bool { return slices.Equal(k.out(), []string{"OMI^O23 sent AA"}) })
	var names []string
	for _, s := range got.Segments {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"MSH", "PID", "PV1", "ORC", "TQ1", "OBR", "IPC"}, names); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
	if pid := got.Segments[1].Fields; pid[2] != "4711^^^HIS^PI" || pid[4] != "Muster^Erika^^^^^L" || pid[6] != "19800203" {
		t.Errorf("PID = %q", pid)
	}
}
