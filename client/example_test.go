package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"radagora/client"
)

// hospital stands for an installation: it answers as the examples of the description do.
func hospital() *httptest.Server {
	mux := http.NewServeMux()
	say := func(pattern, text string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	say("GET /api/v1/studies", `{"items":[{"study_uid":"1.2.3","modalities":["CT"],"series":2,"instances":120}]}`)
	say("POST /api/v1/orders", `{"id":"0198c0de-0001-7000-8000-000000000001","version":1,"steps":[{"key":"k1"}]}`)
	say("GET /api/v1/dose/comparisons", `{"items":[{"examination":"ct_head","quantity":"dlp","unit":"mGy.cm","state":"above_certain",
		"typical":{"n":212,"median":905,"q1":810,"q3":990,"interval":{"low":890,"high":921,"coverage":0.95}},
		"level":{"value":850,"unit":"mGy.cm","set":"dose/level/x","edition":"2022","source":"table 1"}}]}`)
	mux.HandleFunc("GET /api/v1/orders/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"status":404,"detail":"no such order"}`))
	})
	return httptest.NewServer(mux)
}

func Example() {
	s := hospital()
	defer s.Close()
	c := client.Client{Address: s.URL, Token: "rad_example"}
	for study, err := range c.ListStudies(context.Background(), client.ListStudiesQuery{Modality: "CT"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(study.StudyUID, study.Instances)
	}
	// Output: 1.2.3 120
}

func ExampleClient_CreateOrder() {
	s := hospital()
	defer s.Close()
	c := client.Client{Address: s.URL}
	o, err := c.CreateOrder(client.WithKey(context.Background(), "ris-000815"), client.Order{
		Patient: client.Patient{ID: "4711", Name: "Muster^Anna"},
		Steps:   []client.Step{{Stations: []string{"CT1"}, Modality: "CT", Start: "2026-11-22T09:30:00"}},
	})
	fmt.Println(o.ID, err)
	// Output: 0198c0de-0001-7000-8000-000000000001 <nil>
}

func ExampleClient_ListDoseComparisons() {
	s := hospital()
	defer s.Close()
	c := client.Client{Address: s.URL}
	for m, err := range c.ListDoseComparisons(context.Background(), client.ListDoseComparisonsQuery{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %g %s, n %d, beside %g (%s, %s): %s\n", m.Examination, m.Typical.Median, m.Unit, m.Typical.N, m.Level.Value, m.Level.Set, m.Level.Source, m.State)
	}
	// Output: ct_head: 905 mGy.cm, n 212, beside 850 (dose/level/x, table 1): above_certain
}

func ExampleProblem() {
	s := hospital()
	defer s.Close()
	c := client.Client{Address: s.URL}
	_, err := c.GetOrder(context.Background(), "none")
	fmt.Println(errors.Is(err, client.ErrNotFound), err)
	// Output: true GET /api/v1/orders/none: 404 no such order
}
