package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/connect"
	"radagora/hl7"
	"radagora/hl7/mllp"
	"radagora/person"
	"radagora/site"
)

// hl7Message writes a message of the sender RIS.
func hl7Message(kind, control string, at time.Time, segments ...string) []byte {
	head := fmt.Sprintf(`MSH|^~\&|RIS|HOSPITAL|RADAGORA|HOSPITAL|%s||%s|%s|P|2.5.1|||||||UNICODE UTF-8`, at.Format("20060102150405"), kind, control)
	return []byte(strings.Join(append([]string{head}, segments...), "\r") + "\r")
}

// sender returns a client of the door for messages of a server.
func sender(t *testing.T, s *server) *mllp.Client {
	t.Helper()
	c := &mllp.Client{Address: s.hl7, Now: time.Now, Retry: mllp.Retry{Attempts: 1}}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestMessagesDoor has a RIS send a patient, an order and a merge to a server that
// asks nobody to sign in; machines find the order on the worklist.
func TestMessagesDoor(t *testing.T) {
	s := serve(t, t.TempDir(), "--mllp", "127.0.0.1:0")
	c := sender(t, s)
	now := time.Now()
	start := now.Add(time.Hour).Format("20060102150405")
	for _, m := range [][]byte{
		hl7Message("ADT^A04", "1", now, "EVN|A04", "PID|1||77^^^HIS^PI||Muster^Änne||19800203|F", "OBX|1|NM|29463-7^Weight^LN||64|kg|||||F"),
		hl7Message("ORM^O01", "2", now.Add(time.Second), "PID|1||77^^^HIS^PI||Muster^Änne", "ORC|NW|P77|F77||||^^^"+start,
			"OBR|1|P77|F77|CTHEAD^CT head^L||||||||||||||A77|RP77|||||CT|||^^^"+start+"||||headache"),
		hl7Message("ADT^A40", "3", now.Add(2*time.Second), "EVN|A40", "PID|1||77^^^HIS^PI||Muster^Änne", "MRG|76^^^HIS^PI"),
	} {
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	s.until(t, "the order is on the worklist", func() bool {
		code, body := get(s, "/api/v1/worklist")
		return code == http.StatusOK && strings.Contains(body, `"A77"`)
	})
	s.until(t, "the merge behind it is applied too", func() bool {
		code, body := get(s, "/settings/messages?state=applied")
		return code == http.StatusOK && strings.Contains(body, "ADT^A40")
	})
	code, body := get(s, "/api/v1/worklist")
	for _, want := range []string{`"A77"`, `"Muster^Änne"`, `"64"`, `headache`, `"hl7"`} {
		want = strings.ReplaceAll(want, `"64"`, `"weight_kg":64`)
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("worklist lacks %s", want)
		}
	}
	for path, want := range map[string]string{
		"/settings/messages":                "RIS HOSPITAL",
		"/settings/messages?state=applied":  "ADT^A40",
		"/settings/messages?state=waiting":  "No message fits",
		"/settings/messages?patient=HIS|77": "ORM^O01",
		"/settings/messages?patient=HIS|78": "No message fits",
		"/settings/messages/try":            "Paste a message",
	} {
		if code, body := get(s, strings.ReplaceAll(path, "|", "%7C")); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %s", path, code, want)
		}
	}
	if code, body := get(s, "/metrics"); code != http.StatusOK || !strings.Contains(body, "radagora_hl7_total") {
		t.Errorf("metrics: %d, without messages", code)
	}
}

// TestUnknownSystemsAreRefused sends to a server that asks who somebody is.
func TestUnknownSystemsAreRefused(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serve(t, data, asked, "--mllp", "127.0.0.1:0")
	answer, err := sender(t, s).Send(t.Context(), hl7Message("ADT^A01", "1", time.Now(), "PID|1||77^^^HIS^PI||LEAK^CANARY"))
	if err == nil || answer.Ack.Verdict == hl7.Accepted {
		t.Errorf("an unknown system was answered %s", answer.Ack.Verdict)
	}
	noCanary(t, s.log())
	check(t, s.stop())
	out := command(t, exitDone, "message", "senders", "--data", data)
	if !strings.Contains(out, "knocking") || strings.Contains(out, "CANARY") {
		t.Errorf("senders: %s", out)
	}
	command(t, exitDone, "message", "accept", "--data", data, "RIS", "--facility", "HOSPITAL", "--from", "127.0.0.1")
	s = serve(t, data, asked, "--mllp", "127.0.0.1:0")
	if _, err := sender(t, s).Send(t.Context(), hl7Message("ADT^A01", "1", time.Now(), "PID|1||77^^^HIS^PI||LEAK^CANARY")); err != nil {
		t.Errorf("accepted: %v", err)
	}
	noCanary(t, s.log())
}

// TestKilledWhileMessagesCome kills the server at random moments while patients come
// in, and expects everything that was acknowledged.
func TestKilledWhileMessagesCome(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	var acked []string
	for round := range killRounds(t, 3) {
		s := serve(t, data, "--mllp", "127.0.0.1:0")
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan []string)
		for g := range 3 {
			go func() {
				c := &mllp.Client{Address: s.hl7, Now: time.Now, Retry: mllp.Retry{Attempts: 1}}
				var mine []string
				for n := 0; ; n++ {
					id := fmt.Sprintf("K%d-%d-%d", round, g, n)
					if _, err := c.Send(ctx, hl7Message("ADT^A28", id, time.Now(), "PID|1||"+id+"^^^HIS^PI||Muster^"+id)); err != nil {
						_ = c.Close()
						done <- mine
						return
					}
					mine = append(mine, id)
				}
			}()
		}
		time.Sleep(time.Duration(1000+rand.IntN(1000)) * time.Millisecond)
		s.kill()
		for range 3 {
			acked = append(acked, <-done...)
		}
		stop()
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged: the test tests nothing")
	}
	s := serve(t, data, "--mllp", "127.0.0.1:0")
	for began := time.Now(); ; time.Sleep(time.Second) { // the lease of the one that was killed has to run out
		if code, body := get(s, "/settings/messages?state=received"); code == http.StatusOK && strings.Contains(body, "No message fits") {
			break
		}
		if time.Since(began) > 3*time.Minute {
			t.Fatal("not every message had its turn")
		}
	}
	check(t, s.stop())
	inside(t, data, func(ctx context.Context, h *house) {
		for _, id := range acked {
			known, err := h.Persons.Known(ctx, h.DB, site.Default, "HIS|"+id, time.Time{})
			if err != nil || known[person.Name].Value != "Muster^"+id {
				t.Errorf("acknowledged, and lost: %s: %v", id, err)
			}
		}
		failed, err := h.Connect.Messages(ctx, site.Default, connect.Filter{States: []connect.State{connect.Failed, connect.Waiting}})
		if err != nil || len(failed) > 0 {
			t.Errorf("%d messages failed or wait, %v", len(failed), err)
		}
	})
	t.Logf("%d acknowledged", len(acked))
}

// TestBacklog has many messages about few patients wait, and expects each patient as
// their last message says.
func TestBacklog(t *testing.T) {
	slow(t)
	t.Parallel()
	inside(t, t.TempDir(), func(ctx context.Context, h *house) {
		if _, err := h.Connect.SetChannel(ctx, connect.Channel{Site: site.Default, Application: "RIS", State: connect.Held}); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Hour)
		const messages, patients = 2000, 50
		for i := range messages {
			m := hl7Message("ADT^A08", fmt.Sprint(i), at.Add(time.Duration(i)*time.Second), fmt.Sprintf("PID|1||%d^^^HIS^PI||Name^%d", i%patients, i))
			if _, err := h.Connect.Receive(ctx, connect.Arrival{Site: site.Default, Body: m, Address: "10.0.0.1"}); err != nil {
				t.Fatal(err)
			}
		}
		channels, err := h.Connect.Channels(ctx, site.Default)
		check(t, err)
		channels[0].State = connect.Accepted
		_, err = h.Connect.SetChannel(ctx, channels[0])
		check(t, err)
		check(t, h.meanwhile(ctx, func(ctx context.Context) error {
			for {
				list, err := h.Connect.Messages(ctx, site.Default, connect.Filter{States: []connect.State{connect.Received}, Limit: 1})
				if err != nil || len(list) == 0 {
					return err
				}
				time.Sleep(20 * time.Millisecond)
			}
		}))
		for p := range patients {
			known, err := h.Persons.Known(ctx, h.DB, site.Default, fmt.Sprintf("HIS|%d", p), time.Time{})
			if want := fmt.Sprintf("Name^%d", messages-patients+p); err != nil || known[person.Name].Value != want {
				t.Errorf("patient %d: %q, %v; want %q", p, known[person.Name].Value, err, want)
			}
		}
	})
}

// TestBatchOverALine sends batches in one frame: each message is stored and answered, a
// batch that lost one on the way is refused whole, and the line goes on.
func TestBatchOverALine(t *testing.T) {
	s := serve(t, t.TempDir(), "--mllp", "127.0.0.1:0")
	conn, err := net.Dial("tcp", s.hl7)
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	in := bufio.NewReader(conn)
	ask := func(frame string) string {
		t.Helper()
		_, err := conn.Write([]byte("\x0b" + frame + "\x1c\r"))
		check(t, err)
		answer, err := in.ReadString(0x1c)
		check(t, err)
		_, err = in.ReadByte()
		check(t, err)
		return strings.Trim(answer, "\x0b\x1c")
	}
	now := time.Now()
	admit := func(control, id string) string {
		return string(hl7Message("ADT^A04", control, now, "EVN|A04", "PID|1||"+id+"^^^HIS^PI||Muster^"+id+"||19800203|F"))
	}
	batch := func(count string, messages ...string) string {
		return "FHS|^~\\&|RIS|HOSPITAL\rBHS|^~\\&|RIS|HOSPITAL\r" + strings.Join(messages, "") + "BTS|" + count + "\rFTS|1\r"
	}
	for _, c := range []struct{ name, frame, want string }{
		{"two messages", batch("2", admit("B1", "901"), admit("B2", "902")), "MSA|AA|B1 MSA|AA|B2 BTS|2"},
		{"one was lost", batch("3", admit("B3", "903"), admit("B4", "904")), "MSA|AE|B3 MSA|AE|B4 BTS|2"},
		{"one cannot be stored", batch("2", admit("B5", "905"), "MSH|^~\\&|\r"), "MSA|AA|B5"},
		{"a message alone, afterwards", admit("B6", "906"), "MSA|AA|B6"},
	} {
		var got []string
		for line := range strings.SplitSeq(ask(c.frame), "\r") {
			if strings.HasPrefix(line, "MSA|") || strings.HasPrefix(line, "BTS|") {
				f := strings.Split(line, "|")
				got = append(got, strings.Join(f[:min(3, len(f))], "|"))
			}
		}
		if all := strings.Join(got, " "); !strings.HasPrefix(all, c.want) {
			t.Errorf("%s: %q; want %q", c.name, all, c.want)
		}
	}
	s.until(t, "the messages had their turn", func() bool {
		_, page := get(s, "/settings/messages")
		return strings.Contains(page, "B1") && strings.Contains(page, "B2") && strings.Contains(page, "B6")
	})
	_, page := get(s, "/settings/messages")
	for _, lost := range []string{"B3", "B4"} {
		if strings.Contains(page, ">"+lost+"<") {
			t.Errorf("%s of a batch that is not whole was stored", lost)
		}
	}
}
