package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/connect"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/site"
)

// A subscriber is a system that is told: it verifies what comes.
type subscriber struct {
	*httptest.Server
	mu     sync.Mutex
	secret string
	status int
	got    []fhir.Resource
	bad    []string
}

func newSubscriber(t *testing.T) *subscriber {
	l := &subscriber{status: http.StatusOK}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *subscriber) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(l.secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), text)
	switch b, err := fhir.Parse(text); {
	case r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)):
		l.bad = append(l.bad, "the signature does not fit")
	case r.Header.Get("Content-Type") != payloadFHIR || err != nil || len(fhir.Validate(b)) > 0:
		l.bad = append(l.bad, "no valid Bundle")
	case strings.Contains(string(text), "Muster") || strings.Contains(string(text), "4711"):
		l.bad = append(l.bad, "it says who is meant")
	case l.status == http.StatusOK:
		l.got = append(l.got, b)
	}
	w.WriteHeader(l.status)
}

// told returns what it was told of: Type/id, and the version.
func (l *subscriber) told() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.got {
		for e := range b.Each("entry") {
			all = append(all, e.Get("request.url").Text()+" "+e.Get("response.etag").Text())
		}
	}
	return all
}

// asRecords returns who serves a type of the book to somebody who may do everything.
func asRecords(h *house, typ string) recordServer {
	all := func(context.Context, string) error { return nil }
	return h.serveRecords(typ, recordDoor{
		person: func(_ context.Context, _ db.Querier, r fhir.Resource) (string, error) {
			return "HIS|" + strings.TrimPrefix(r.Get("subject.reference").Text(), "Patient/"), nil
		},
		reach:   func(context.Context) (access.Reach, error) { return access.Reach{All: true}, nil },
		mayRead: all, mayWrite: all,
	})
}

func resourceOf(t *testing.T, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	check(t, err)
	return r
}

// soon waits until something is so.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error(what + ": not within a minute")
			return
		}
	}
}

func subscriptionText(id, criteria, endpoint string) string {
	return `{"resourceType":"Subscription","id":"` + id + `","status":"requested","reason":"to know","criteria":"` + criteria + `",
		"channel":{"type":"rest-hook","endpoint":"` + endpoint + `","payload":"application/fhir+json","header":["Authorization: Bearer let-me"]}}`
}

// TestSubscriptions subscribes to reports, to patients and to sizes, and expects each
// to be told of what meets its criteria, and of nothing else, also over a restart.
func TestSubscriptions(t *testing.T) {
	slow(t)
	t.Parallel()
	data := t.TempDir()
	reports, patients, sizes := newSubscriber(t), newSubscriber(t), newSubscriber(t)
	for id, l := range map[string]*subscriber{"reports": reports, "patients": patients, "sizes": sizes} {
		criteria := map[string]string{
			"reports": "DiagnosticReport?status=final,amended", "patients": "Patient?gender=female", "sizes": "Observation?code=http://loinc.org|29463-7",
		}[id]
		reaching(t, data, func(ctx context.Context, h *house) {
			done, err := asRecords(h, subscriptionType).Write(ctx, []fhirweb.Change{{Resource: resourceOf(t, subscriptionText(id, criteria, l.URL+"/in?token=path-secret"))}})
			check(t, err)
			r := done[0].Resource
			for _, extension := range []string{secretExtension} {
				l.secret = r.Get("channel.extension").Get("valueString").Text()
				if r.Get("channel.extension.url").Text() != extension || !strings.HasPrefix(l.secret, "whsec_") {
					t.Fatalf("no secret in %s", r.JSON())
				}
			}
			kept, err := asRecords(h, subscriptionType).Read(ctx, subscriptionType, id)
			check(t, err)
			if text := string(kept.Resource.JSON()); strings.Contains(text, "path-secret") || strings.Contains(text, "let-me") || strings.Contains(text, "whsec_") || kept.Resource.Get("status").Text() != "active" {
				t.Errorf("kept: %s", text)
			}
		})
	}
	report := func(id, status string) fhirweb.Change {
		return fhirweb.Change{Resource: resourceOf(t, `{"resourceType":"DiagnosticReport","id":"`+id+`","status":"`+status+`","code":{"text":"CT"},"subject":{"reference":"Patient/4711"},"conclusion":"Muster"}`)}
	}
	reaching(t, data, func(ctx context.Context, h *house) {
		check(t, telling(ctx, h, func(ctx context.Context) error {
			door := asRecords(h, "DiagnosticReport")
			for _, c := range []fhirweb.Change{report("r1", "preliminary"), report("r1", "final"), report("r2", "registered"), report("r1", "final")} {
				if _, err := door.Write(ctx, []fhirweb.Change{c}); err != nil {
					return err
				}
			}
			soon(t, "the report", func() bool { return len(reports.told()) == 1 })
			if _, err := h.Connect.SetChannel(ctx, connect.Channel{Site: site.Default, Application: "RIS", State: connect.Accepted, UseSizes: true}); err != nil {
				return err
			}
			for i, who := range []string{"PID|1||4711^^^HIS^PI||Muster^A||19700101|F", "PID|1||4712^^^HIS^PI||Muster^B||19700101|M"} {
				body := who
				if i == 0 {
					body += "\rOBX|1|NM|29463-7^Body weight^LN||70|kg|||||F\rOBX|2|NM|8302-2^Body height^LN||170|cm|||||F"
				}
				if _, err := h.Connect.Receive(ctx, connect.Arrival{Site: site.Default, Body: hl7Message("ADT^A08", fmt.Sprint(i), time.Now(), body), Address: "10.0.0.1"}); err != nil {
					return err
				}
			}
			soon(t, "the patient", func() bool { return len(patients.told()) == 1 })
			soon(t, "the weight", func() bool { return len(sizes.told()) == 1 })
			return nil
		}))
		_, err := asRecords(h, "DiagnosticReport").Write(ctx, []fhirweb.Change{report("r1", "amended")})
		check(t, err) // nobody tells now
	})
	reaching(t, data, func(ctx context.Context, h *house) {
		check(t, telling(ctx, h, func(context.Context) error {
			soon(t, "what was written before the restart", func() bool { return len(reports.told()) == 2 })
			return nil
		}))
	})
	if got := strings.Join(reports.told(), ", "); got != `DiagnosticReport/r1 W/"2", DiagnosticReport/r1 W/"3"` {
		t.Errorf("reports: %s", got)
	}
	for name, l := range map[string]*subscriber{"reports": reports, "patients": patients, "sizes": sizes} {
		if len(l.bad) > 0 {
			t.Error(name, l.bad)
		}
	}
	if len(patients.told()) != 1 || len(sizes.told()) != 1 || !strings.HasPrefix(patients.told()[0], "Patient/") || !strings.HasPrefix(sizes.told()[0], "Observation/") {
		t.Errorf("told: %v, %v", patients.told(), sizes.told())
	}
}

// TestSubscriptionEnds: an end that wants no more is an error that the Subscription
// shows; written again it is told again.
func TestSubscriptionEnds(t *testing.T) {
	slow(t)
	t.Parallel()
	l := newSubscriber(t)
	reaching(t, t.TempDir(), func(ctx context.Context, h *house) {
		door := asRecords(h, subscriptionType)
		done, err := door.Write(ctx, []fhirweb.Change{{Resource: resourceOf(t, subscriptionText("s", "Encounter?status=finished", l.URL))}})
		check(t, err)
		l.secret, l.status = done[0].Resource.Get("channel.extension.valueString").Text(), http.StatusGone
		encounter := func(id string) {
			_, err := asRecords(h, "Encounter").Write(ctx, []fhirweb.Change{{Resource: resourceOf(t, `{"resourceType":"Encounter","id":"`+id+`","status":"finished","class":{"code":"AMB"}}`)}})
			check(t, err)
		}
		status := func() (fhir.Resource, string) {
			st, err := door.Read(ctx, subscriptionType, "s")
			check(t, err)
			return st.Resource, st.Resource.Get("status").Text()
		}
		check(t, telling(ctx, h, func(context.Context) error {
			encounter("e1")
			soon(t, "the error", func() bool { _, s := status(); return s == "error" })
			r, _ := status()
			if !strings.Contains(r.Get("error").Text(), "410") {
				t.Errorf("error: %s", r.Get("error").Text())
			}
			if hooks, err := h.Feed.Hooks(ctx); err != nil || len(hooks) != 1 || hooks[0].Criteria != "Encounter?status=finished" {
				t.Errorf("hooks: %v, %v", hooks, err)
			}
			l.mu.Lock()
			l.status = http.StatusOK
			l.mu.Unlock()
			check(t, r.Set("status", "requested")) // read, changed and sent back
			if _, err := door.Write(ctx, []fhirweb.Change{{Resource: r}}); err != nil {
				return err
			}
			soon(t, "what waited", func() bool { return len(l.told()) == 1 })
			if r, s := status(); s != "active" || r.Get("error").Exists() {
				t.Errorf("afterwards: %s", s)
			}
			return nil
		}))
		found, err := door.Search(ctx, fhirweb.Query{Type: subscriptionType, Count: 10, Criteria: []search.Criterion{}})
		if err != nil || len(found.Matches) != 1 {
			t.Errorf("found %d, %v", len(found.Matches), err)
		}
	})
	if len(l.bad) > 0 {
		t.Error(l.bad)
	}
}

func TestSubscriptionRefused(t *testing.T) {
	for _, c := range []struct {
		name, criteria, change string
		want                   fault.Kind
	}{
		{"a type nobody tells of", "Medication", "", fault.Unsupported},
		{"subscriptions themselves", "Subscription?status=active", "", fault.Unsupported},
		{"a patient", "Observation?patient=4711", "", fault.Unsupported},
		{"a name", "Patient?name=LEAK", "", fault.Unsupported},
		{"an identifier", "ServiceRequest?identifier=LEAK", "", fault.Unsupported},
		{"no such parameter", "Encounter?colour=red", "", fault.Invalid},
		{"a value that is none", "Encounter?date=LEAK", "", fault.Invalid},
		{"another channel", "Encounter", `"type":"email"`, fault.Unsupported},
		{"another payload", "Encounter", `"payload":"application/fhir+xml"`, fault.Unsupported},
		{"the address as it is shown", "Encounter", `"endpoint":"https://a.example/…"`, fault.Invalid},
		{"plain http to elsewhere", "Encounter", `"endpoint":"http://a.example/LEAK"`, fault.Invalid},
	} {
		r := resourceOf(t, subscriptionText("s", c.criteria, "https://a.example/x"))
		if name, value, ok := strings.Cut(c.change, ":"); ok {
			check(t, r.Set("channel."+strings.Trim(name, `"`), strings.Trim(value, `"`)))
		}
		_, err := readSubscription(r)
		if err == nil || fault.Of(err) != c.want || strings.Contains(err.Error(), "LEAK") {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

// telling is meanwhile with subscriptions being told too, as serve does.
func telling(ctx context.Context, h *house, do func(context.Context) error) error {
	return h.meanwhile(ctx, func(ctx context.Context) error {
		work, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- h.Feed.Run(work) }()
		err := do(ctx)
		stop()
		return errors.Join(err, <-ended)
	})
}

// reaching is inside with private addresses of this machine within reach.
func reaching(t *testing.T, data string, do func(ctx context.Context, h *house)) {
	t.Helper()
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	h, err := settings{Data: data, HTTP: "127.0.0.1:8080", Reach: []string{"127.0.0.1"}}.open(t.Context(), sys)
	check(t, err)
	defer func() { check(t, h.Close()) }()
	who, err := h.Users.Who(t.Context(), access.Local)
	check(t, err)
	do(access.WithJudge(access.With(t.Context(), who), h.Judge), h)
}
