package privacy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/site"
)

// ask notes a request of Anna's.
func (d *desk) ask(kind, on string) string {
	d.Helper()
	id, err := d.Receive(d.ctx, privacy.Asking{
		Site: site.Default, Kind: kind, Channel: "letter", ReceivedOn: on, Who: name + ", 1 Street", Text: "please, " + name,
	})
	d.must(err)
	return id
}

func (d *desk) move(id string, m privacy.Move) {
	d.Helper()
	d.must(d.Move(d.ctx, site.Default, id, m))
}

func (d *desk) request(id string) privacy.Request {
	d.Helper()
	q, err := d.Request(d.ctx, site.Default, id)
	d.must(err)
	return q
}

func TestRequestFromReceiptToAnswer(t *testing.T) {
	run(t, func(d *desk) {
		id := d.ask("access", "2025-01-31")
		q := d.request(id)
		if q.Due() != "2025-02-28" || q.Age != 0 || q.Left != 28 || q.Soon || q.Overdue || len(q.Kind.Steps) != 4 {
			t.Errorf("on the day of receipt: %+v", q)
		}
		d.set(d.clock().AddDate(0, 0, 22))
		if q := d.request(id); !q.Soon || q.Age != 22 || q.Left != 6 {
			t.Errorf("six days before: soon %v, age %d, left %d", q.Soon, q.Age, q.Left)
		}
		d.move(id, privacy.Move{Do: "verify", How: "document", Person: anna().ID})
		d.move(id, privacy.Move{Do: "take"})
		d.move(id, privacy.Move{Do: "done", Step: "find"})
		d.move(id, privacy.Move{Do: "extend", Text: "records at three sites"})
		if q := d.request(id); q.Due() != "2025-04-30" || q.Soon || q.Person != "P-A" || q.Owner != "dora" || q.Done() != 1 {
			t.Errorf("extended: %+v", q)
		}
		d.move(id, privacy.Move{Do: "answer", Text: "copy handed over at the desk"})
		q = d.request(id)
		if q.State != privacy.Answered || q.Open() || q.Overdue {
			t.Errorf("answered: %+v", q)
		}
		events, err := d.History(d.ctx, site.Default, id)
		d.must(err)
		var got []string
		for _, e := range events {
			got = append(got, e.What)
		}
		want := []string{"received", "verified", "taken", "step-done", "extended", "answered"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if events[0].Texts.Who != name+", 1 Street" || events[4].Texts.Text != "records at three sites" {
			t.Errorf("texts: %+v", events)
		}
		d.want(d.Move(d.ctx, site.Default, id, privacy.Move{Do: "withdraw"}), fault.Conflict, "answered")
		d.leaks(tables()...)
	})
}

func TestRequestRefusesWhatLawDoes(t *testing.T) {
	run(t, func(d *desk) {
		id := d.ask("erasure", "2025-01-31")
		for _, c := range []struct {
			name string
			m    privacy.Move
			kind fault.Kind
			part string
		}{
			{"an answer before anybody took it", privacy.Move{Do: "answer", Text: "here it is, all"}, fault.Conflict, "received"},
			{"who asks is not said how", privacy.Move{Do: "verify"}, fault.Invalid, "document"},
			{"a refusal without reasons", privacy.Move{Do: "refuse", Where: "the authority"}, fault.Invalid, "reasons"},
			{"a refusal without the way to complain", privacy.Move{Do: "refuse", Text: "kept by law until 2035"}, fault.Invalid, "complain"},
			{"an extension without reasons", privacy.Move{Do: "extend"}, fault.Invalid, "reasons"},
			{"a step that is none", privacy.Move{Do: "done", Step: "dance"}, fault.Invalid, "step"},
			{"something nobody can do", privacy.Move{Do: "forget"}, fault.Conflict, "received"},
		} {
			t.Run(c.name, func(*testing.T) { d.want(d.Move(d.ctx, site.Default, id, c.m), c.kind, c.part) })
		}
		d.set(time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC))
		d.want(d.Move(d.ctx, site.Default, id, privacy.Move{Do: "extend", Text: "too late, and still"}), fault.Invalid, "2025-02-28")
		if q := d.request(id); !q.Overdue || q.Left != -1 || q.Age != 29 {
			t.Errorf("a day late: %+v", q)
		}
		notices, err := d.Due(d.ctx, site.Default)
		d.must(err)
		if len(notices) != 1 || notices[0].Kind != "request.overdue" || notices[0].Path != "/privacy/requests/"+id {
			t.Errorf("Due = %+v", notices)
		}
		berlin, _ := time.LoadLocation("Europe/Berlin")
		if want := time.Date(2025, 3, 1, 0, 0, 0, 0, berlin).Add(-time.Millisecond); !notices[0].Due.Equal(want) {
			t.Errorf("due %v; want the last moment of 28 February in Berlin", notices[0].Due)
		}
		d.move(id, privacy.Move{Do: "refuse", Text: "the law keeps it until 2035", Where: "the authority, by mail"})
		s, err := d.Standing(d.ctx, site.Default)
		d.must(err)
		if s.Closed != 1 || s.Late != 1 || s.Requests != 0 {
			t.Errorf("Standing = %+v; want one closed late", s)
		}
	})
}

func TestRequestAsked(t *testing.T) {
	run(t, func(d *desk) {
		good := privacy.Asking{Site: site.Default, Kind: "access", Channel: "mail", Who: "x"}
		for _, c := range []struct {
			name string
			edit func(*privacy.Asking)
			part string
		}{
			{"of a kind nobody knows", func(a *privacy.Asking) { a.Kind = "dance" }, "kind"},
			{"by a channel nobody knows", func(a *privacy.Asking) { a.Channel = "pigeon" }, "letter"},
			{"from tomorrow", func(a *privacy.Asking) { a.ReceivedOn = "2025-02-01" }, "today"},
			{"on no day", func(a *privacy.Asking) { a.ReceivedOn = "yesterday" }, "day"},
			{"of nobody", func(a *privacy.Asking) { a.Who = " " }, "who"},
		} {
			a := good
			c.edit(&a)
			_, err := d.Receive(d.ctx, a)
			t.Run(c.name, func(*testing.T) { d.want(err, fault.Invalid, c.part) })
		}
		d.set(time.Date(2025, 1, 31, 23, 30, 0, 0, time.UTC)) // past midnight in Berlin
		id, err := d.Receive(d.ctx, good)
		d.must(err)
		if q := d.request(id); q.ReceivedOn != "2025-02-01" {
			t.Errorf("received on %s; want the day at the site", q.ReceivedOn)
		}
		nobody := access.With(d.ctx, access.Who{ID: "eve", Grants: access.Everywhere(access.Physicist)})
		_, err = d.Receive(nobody, good)
		d.want(err, fault.Forbidden, "privacy.request.handle")
		_, err = d.Requests(nobody, site.Default, true)
		d.want(err, fault.Forbidden, "privacy.request.handle")
		_, err = d.Request(d.ctx, "other", id)
		d.want(err, fault.NotFound, "no request")
	})
}

func TestTextsAreForgotten(t *testing.T) {
	run(t, func(d *desk) {
		closed, open := d.ask("access", "2025-01-31"), d.ask("access", "2025-01-31")
		d.move(closed, privacy.Move{Do: "withdraw"})
		d.set(d.clock().AddDate(3, 0, 0))
		if n, err := d.ForgetTexts(d.ctx, site.Default); err != nil || n != 0 {
			t.Errorf("after three years to the day: %d, %v; want none", n, err)
		}
		d.set(d.clock().AddDate(0, 0, 1))
		if n, err := d.ForgetTexts(d.ctx, site.Default); err != nil || n != 1 {
			t.Errorf("a day later: %d, %v; want one", n, err)
		}
		for id, erased := range map[string]bool{closed: true, open: false} {
			events, err := d.History(d.ctx, site.Default, id)
			d.must(err)
			if events[0].Erased != erased || (events[0].Texts.Who == "") != erased || d.request(id).Erased != erased {
				t.Errorf("texts erased %v; want %v", events[0].Erased, erased)
			}
		}
		if n, err := d.ForgetTexts(d.ctx, site.Default); err != nil || n != 0 {
			t.Errorf("again: %d, %v; want nothing left", n, err)
		}
	})
}
