package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestChanges follows the feed as a program does: from the beginning, on from where it
// was, and again.
func TestChanges(t *testing.T) {
	storescu := dcmtk(t, "storescu")
	s := serve(t, t.TempDir())
	host, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	type answer struct {
		Items []struct {
			Number                int64
			Kind, Study, Instance string
			Detail                map[string]any
		}
		Next int64
		More bool
	}
	ask := func(query string) answer {
		t.Helper()
		got, err := http.Get("http://" + s.http + "/api/v1/changes?" + query)
		check(t, err)
		defer got.Body.Close()
		var a answer
		if got.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", query, got.StatusCode)
		}
		check(t, json.NewDecoder(got.Body).Decode(&a))
		return a
	}
	if a := ask("cursor=0"); len(a.Items) != 0 || a.Next != 0 || a.More {
		t.Fatalf("before anything happened: %+v", a)
	}
	waited := make(chan answer, 1)
	go func() { waited <- ask("cursor=0&wait=30&kind=archive.instance.stored") }()
	time.Sleep(100 * time.Millisecond) // so that it waits
	if out, ok := runs(t, storescu, "-aec", "RADAGORA", host, port, report(t)); !ok {
		t.Fatal(out)
	}
	first := <-waited
	if len(first.Items) != 1 {
		t.Fatalf("who waited got %+v", first)
	}
	c := first.Items[0]
	if c.Kind != "archive.instance.stored" || c.Study == "" || c.Instance == "" || first.Next != c.Number {
		t.Errorf("the change is %+v, next %d", c, first.Next)
	}
	if again := ask("cursor=0&limit=1"); len(again.Items) != 1 || again.Items[0].Number != c.Number {
		t.Errorf("asked again it says %+v", again)
	}
	if later := ask("kind=archive.instance.stored&cursor=" + jsonNumber(first.Next)); len(later.Items) != 0 || later.Next != first.Next {
		t.Errorf("after the last there is %+v", later)
	}
	got, err := http.Get("http://" + s.http + "/api/v1/changes?kind=access.user.changed")
	check(t, err)
	defer got.Body.Close()
	if got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.Header.Get("Content-Type"), "problem+json") {
		t.Errorf("a kind that is not for programs: status %d, %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
}

// jsonNumber prints a number as it stands in an address.
func jsonNumber(n int64) string {
	text, _ := json.Marshal(n) // a number
	return string(text)
}
