package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"radagora/access"
	"radagora/worklist"
)

// TestAPIRecipes runs the recipes of docs/api.md as they stand there.
func TestAPIRecipes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	d := openAPI(t)
	d.furnished()
	server := httptest.NewServer(d.as(everyone()))
	t.Cleanup(server.Close)
	text, err := os.ReadFile("../../docs/api.md")
	check(t, err)
	all := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(all) < 9 {
		t.Fatalf("%d recipes", len(all))
	}
	dir := t.TempDir()
	for _, m := range all {
		c := exec.CommandContext(t.Context(), bash, "-euo", "pipefail", "-c", m[1])
		c.Dir, c.Env = dir, append(os.Environ(), "BASE="+server.URL+apiBase, "AUTH=Authorization: Bearer rad_example", "no_proxy=*")
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "{") {
			t.Errorf("%s\n%v\n%s", m[1], err, out)
		}
	}
	o, err := d.h.Worklist.List(d.ctx, at, worklist.Filter{})
	check(t, err)
	if len(o) != 1 || o[0].Step.Stations[0] != "CT2" {
		t.Errorf("after the recipes there are %d steps, the first at %v", len(o), o)
	}
}

// as answers as if somebody had signed in.
func (d *apiDesk) as(who access.Who) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.handler.ServeHTTP(w, r.WithContext(access.With(access.WithJudge(r.Context(), d.h.Judge), who)))
	})
}
