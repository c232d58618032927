// Sends signed probes to a store as fast as it takes them: the limit that the benchmark names.
//
// The job comes as JSON on standard input, so that no credential stands in an argument or in the
// environment. What was measured goes to standard output, as JSON too.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The SHA-256 of nothing: a probe has no body.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

type probe struct {
	Bucket    string `json:"bucket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

type job struct {
	Endpoint        string  `json:"endpoint"`
	Region          string  `json:"region"`
	Query           string  `json:"query"`
	Goroutines      int     `json:"goroutines"`
	KeepConnections bool    `json:"keep_connections"`
	Probes          []probe `json:"probes"`
}

type result struct {
	Seconds    float64   `json:"seconds"`
	CPUSeconds float64   `json:"cpu_seconds"`
	Requests   int       `json:"requests"`
	Errors     int       `json:"errors"`
	FirstError string    `json:"first_error"`
	Latencies  []float64 `json:"latencies"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var work job
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&work); err != nil {
		return fmt.Errorf("the job can't be read: %w", err)
	}
	endpoint, err := url.Parse(work.Endpoint)
	if err != nil || endpoint.Host == "" {
		return errors.New("the job's endpoint is no URL")
	}
	if work.Goroutines < 1 || len(work.Probes) == 0 || work.Query == "" {
		return errors.New("the job needs goroutines, a query and probes")
	}
	return json.NewEncoder(out).Encode(measure(work, endpoint))
}

func measure(work job, endpoint *url.URL) result {
	transport := &http.Transport{
		// What the environment says about proxies is not measured.
		Proxy:               nil,
		DisableCompression:  true,
		DisableKeepAlives:   !work.KeepConnections,
		MaxIdleConns:        work.Goroutines,
		MaxIdleConnsPerHost: work.Goroutines,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		Timeout:   30 * time.Second,
		// A redirect is an answer, and not the one that is wanted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	signer := v4.NewSigner(func(options *v4.SignerOptions) {
		// S3 signs the path as it is sent.
		options.DisableURIPathEscaping = true
	})
	found := result{Requests: len(work.Probes), Latencies: make([]float64, len(work.Probes))}
	var next atomic.Int64
	var mutex sync.Mutex
	var group sync.WaitGroup
	cpu, started := cpuSeconds(), time.Now()
	for range work.Goroutines {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				number := int(next.Add(1)) - 1
				if number >= len(work.Probes) {
					return
				}
				sent := time.Now()
				err := send(client, signer, endpoint, work, work.Probes[number])
				found.Latencies[number] = time.Since(sent).Seconds()
				if err != nil {
					mutex.Lock()
					found.Errors++
					if found.FirstError == "" {
						found.FirstError = err.Error()
					}
					mutex.Unlock()
				}
			}
		}()
	}
	group.Wait()
	found.Seconds, found.CPUSeconds = time.Since(started).Seconds(), cpuSeconds()-cpu
	return found
}

func send(client *http.Client, signer *v4.Signer, endpoint *url.URL, work job, asked probe) error {
	address := *endpoint
	address.Path = "/" + asked.Bucket
	address.RawQuery = url.Values{work.Query: {""}}.Encode()
	request, err := http.NewRequest(http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("X-Amz-Content-Sha256", emptyHash)
	credentials := aws.Credentials{AccessKeyID: asked.AccessKey, SecretAccessKey: asked.SecretKey}
	err = signer.SignHTTP(
		context.Background(), credentials, request, emptyHash, "s3", work.Region, time.Now(),
	)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	// A connection is kept only if its answer was read to the end.
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the store answered %d for bucket %s", answer.StatusCode, asked.Bucket)
	}
	return nil
}

// Of this process, in its own code and in the kernel.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
