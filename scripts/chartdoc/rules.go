package main

// rule says of a value what its default does not.
type rule struct {
	enum []any
	// open is an object of Kubernetes' own, whose fields the API server checks.
	open bool
	// texts is an object whose values are texts.
	texts bool
	// items is the type of a list's entries.
	items string
	// pattern is what a text, or a list's text, must look like.
	pattern string
	// least and most bound a number; most 0 is no bound.
	least, most int
}

func oneOf(words ...any) rule { return rule{enum: words} }

var (
	port     = rule{most: 65535}
	texts    = rule{texts: true}
	textList = rule{items: "string"}
	objects  = rule{items: "object"}
	open     = rule{open: true}
	pull     = oneOf("Always", "IfNotPresent", "Never")
	keep     = oneOf("Retain", "Delete")
	size     = rule{pattern: `^[0-9.]+([EPTGMk]i?)?$`}
	cidrs    = rule{items: "string", pattern: `^[0-9a-fA-F.:]+/[0-9]+$`}
)

// rules by path.
var rules = map[string]rule{
	"image.pullPolicy":                     pull,
	"image.digest":                         {pattern: `^(sha256:[0-9a-f]{64})?$`},
	"imagePullSecrets":                     textList,
	"mode":                                 oneOf("statefulset", "sidecar"),
	"sidecarSelector":                      texts,
	"replicaCount":                         {least: 1},
	"sip.bind":                             oneOf("0.0.0.0", "[::]"),
	"sip.ports.udp":                        port,
	"sip.ports.tcp":                        port,
	"sip.ports.tls":                        port,
	"sip.ports.ws":                         port,
	"sip.ports.wss":                        port,
	"sip.service.type":                     oneOf("LoadBalancer", "NodePort", "ClusterIP"),
	"sip.service.externalTrafficPolicy":    oneOf("Local", "Cluster"),
	"sip.service.loadBalancerSourceRanges": cidrs,
	"sip.service.sessionAffinity":          oneOf("ClientIP", "None"),
	"sip.service.sessionAffinitySeconds":   {least: 1, most: 86400},
	"sip.service.annotations":              texts,
	"tls.certManager.issuerRef.kind":       oneOf("Issuer", "ClusterIssuer"),
	"tls.certManager.dnsNames":             textList,
	"tls.certManager.ipAddresses":          textList,
	"store.type":                           oneOf("bolt", "redis", "bundled"),
	"store.prefix":                         {pattern: `^[^{}]+$`},
	"store.bolt.size":                      size,
	"store.bolt.whenDeleted":               keep,
	// A password in an address would stand in a ConfigMap.
	"store.redis.url":                       {items: "string", pattern: `^(rediss?://([^:@/]+@)?[^@]+|unix:///.+)$`},
	"store.bundled.image.pullPolicy":        pull,
	"store.bundled.appendfsync":             oneOf("always", "everysec", "no"),
	"store.bundled.persistence.size":        size,
	"store.bundled.persistence.whenDeleted": keep,
	"store.bundled.resources":               open,
	"policy.mode":                           oneOf("store", "file", "import"),
	"policy.document":                       open,
	"admin.port":                            {least: 1, most: 65535},
	"admin.token":                           {pattern: `^(\S{8,})?$`},
	"admin.service.type":                    oneOf("ClusterIP", "NodePort", "LoadBalancer"),
	"admin.service.annotations":             texts,
	"admin.ingress.annotations":             texts,
	"admin.httpRoute.annotations":           texts,
	"admin.httpRoute.parentRefs":            objects,
	"admin.httpRoute.hostnames":             textList,
	"drain.sleepSeconds":                    {least: 1, most: 600},
	"drain.stopSeconds":                     {least: 10, most: 3600},
	"probes.readiness":                      open,
	"probes.liveness":                       open,
	"resources":                             open,
	"podDisruptionBudget.maxUnavailable":    {least: 1},
	"autoscaling.minReplicas":               {least: 1},
	"autoscaling.maxReplicas":               {least: 1},
	"autoscaling.cpuUtilization":            {most: 1000},
	"networkPolicy.phones":                  cidrs,
	"networkPolicy.pbx":                     cidrs,
	"networkPolicy.adminFrom":               objects,
	"networkPolicy.redisTo":                 objects,
	"metrics.serviceMonitor.interval":       {pattern: `^[0-9]+(ms|s|m)$`},
	"metrics.serviceMonitor.labels":         texts,
	"metrics.prometheusRule.labels":         texts,
	"metrics.dashboard.labels":              {texts: true, open: true},
	"serviceAccount.annotations":            texts,
	"commonLabels":                          texts,
	"podLabels":                             texts,
	"podAnnotations":                        texts,
	"podSecurityContext":                    open,
	"containerSecurityContext":              open,
	"nodeSelector":                          texts,
	"tolerations":                           objects,
	"affinity":                              open,
	"topologySpreadConstraints":             objects,
	"extraEnv":                              objects,
	"extraVolumes":                          objects,
	"extraVolumeMounts":                     objects,
	"extraContainers":                       objects,
	"test.timeoutSeconds":                   {least: 1, most: 600},
}
