// Calls a procedure:  CLUSTERDESK_TOKEN=… go run examples/call.go k8s.create '{"name": "web", "location": "eu"}'
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

type answer struct {
	Result json.RawMessage
	Error  *struct {
		Message string
		Data    struct{ Code string }
	}
}

func call(url, token, method string, params json.RawMessage) (a answer, err error) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return a, err
	}
	request, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	return a, json.NewDecoder(response.Body).Decode(&a)
}

func main() {
	url, params := os.Getenv("CLUSTERDESK_URL"), json.RawMessage("{}")
	if url == "" {
		url = "http://127.0.0.1:8080/"
	}
	if len(os.Args) > 2 {
		params = json.RawMessage(os.Args[2])
	}
	a, err := call(url, os.Getenv("CLUSTERDESK_TOKEN"), os.Args[1], params)
	if err != nil {
		log.Fatal(err)
	}
	if a.Error != nil {
		log.Fatalf("%s: %s", a.Error.Data.Code, a.Error.Message)
	}
	fmt.Println(string(a.Result))
}
