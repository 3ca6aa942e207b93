package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/goccy/go-yaml"
)

// Config of the whole house. A YAML file sets it, the environment overrides the
// file, flags override both; without any of them the defaults hold.
type Config struct {
	// Address the pages, the REST interface and the desks listen on, host:port.
	// Environment: TRACELEDGER_ADDR.
	Address string `yaml:"address"`
	// Data is the directory of everything durable. Environment: TRACELEDGER_DATA.
	Data string `yaml:"data"`
	// PublicBase is printed into codes and labels, "https://trace.example"; empty
	// takes http:// and the listening address. Environment: TRACELEDGER_PUBLIC_BASE.
	PublicBase string `yaml:"publicBase"`
	// LedgerAddress opens the embedded ledger to stock Fabric clients over TLS,
	// host:port, with TLSCertificate; empty keeps it in the process. Environment: TRACELEDGER_LEDGER_ADDR.
	LedgerAddress string `yaml:"ledgerAddress"`
	// TLSCertificate and TLSKey are PEM files for Address and LedgerAddress; both empty
	// serve plain HTTP, for a reverse proxy or a machine of one's own.
	TLSCertificate string `yaml:"tlsCertificate"`
	TLSKey         string `yaml:"tlsKey"`
	// RequestsPerSecond is what one token may ask of the REST interface, on average; it
	// may ask twice that at once. Environment: TRACELEDGER_REQUESTS_PER_SECOND.
	RequestsPerSecond float64 `yaml:"requestsPerSecond"`
	// LogLevel is debug, info, warn or error. Environment: TRACELEDGER_LOG.
	LogLevel string `yaml:"logLevel"`
}

func defaultConfig() Config {
	return Config{Address: "127.0.0.1:8080", Data: "data", RequestsPerSecond: 200, LogLevel: "warn"}
}

// readConfig parses the flags of a command and merges file and environment.
func readConfig(name string, args []string, more func(*flag.FlagSet)) (Config, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	given := Config{}
	file := flags.String("config", "", "YAML configuration file")
	flags.StringVar(&given.Address, "addr", "", "listen address of pages, REST and desks (default 127.0.0.1:8080)")
	flags.StringVar(&given.Data, "data", "", "data directory (default ./data)")
	flags.StringVar(&given.PublicBase, "public-base", "", "address printed into codes (default http://ADDR)")
	flags.StringVar(&given.LedgerAddress, "ledger-addr", "", "listen address for stock Fabric clients over TLS (default: none)")
	flags.StringVar(&given.LogLevel, "log", "", "log level: debug, info, warn or error (default warn)")
	if more != nil {
		more(flags)
	}
	if err := flags.Parse(args); err != nil {
		return Config{}, err
	}
	cfg := defaultConfig()
	if *file != "" {
		content, err := os.ReadFile(*file)
		if err != nil {
			return Config{}, err
		}
		if err := yaml.UnmarshalWithOptions(content, &cfg, yaml.Strict()); err != nil {
			return Config{}, fmt.Errorf("%s: %w", *file, err)
		}
	}
	for _, o := range []struct {
		field *string
		env   string
		flag  string
	}{
		{&cfg.Address, "TRACELEDGER_ADDR", given.Address},
		{&cfg.Data, "TRACELEDGER_DATA", given.Data},
		{&cfg.PublicBase, "TRACELEDGER_PUBLIC_BASE", given.PublicBase},
		{&cfg.LedgerAddress, "TRACELEDGER_LEDGER_ADDR", given.LedgerAddress},
		{&cfg.LogLevel, "TRACELEDGER_LOG", given.LogLevel},
	} {
		if v := os.Getenv(o.env); v != "" {
			*o.field = v
		}
		if o.flag != "" {
			*o.field = o.flag
		}
	}
	if v := os.Getenv("TRACELEDGER_REQUESTS_PER_SECOND"); v != "" {
		var err error
		if cfg.RequestsPerSecond, err = strconv.ParseFloat(v, 64); err != nil {
			return Config{}, fmt.Errorf("TRACELEDGER_REQUESTS_PER_SECOND %q is not a number", v)
		}
	}
	if cfg.RequestsPerSecond <= 0 {
		return Config{}, fmt.Errorf("requestsPerSecond must be above 0, is %g", cfg.RequestsPerSecond)
	}
	if _, _, err := net.SplitHostPort(cfg.Address); err != nil {
		return Config{}, fmt.Errorf("address %q is not host:port", cfg.Address)
	}
	if (cfg.TLSCertificate == "") != (cfg.TLSKey == "") {
		return Config{}, fmt.Errorf("tlsCertificate and tlsKey belong together")
	}
	if cfg.LedgerAddress != "" && cfg.TLSKey == "" {
		return Config{}, fmt.Errorf("ledgerAddress is served over TLS only: set tlsCertificate and tlsKey")
	}
	return cfg, nil
}
