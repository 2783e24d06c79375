package charts

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// effect is a value that is set, on top of others that make it count, and what is then
// in the rendered objects and was not before.
type effect struct{ value, with, set, says string }

const (
	oneFile      = "replicaCount: 1\nstore: {type: bolt}\n"
	manyReplicas = "replicaCount: 3\nstore: {type: bundled}\n"
	withRedis    = "store: {type: redis, redis: {url: ['redis://r:6379']}}\n"
	onePBX       = "pbx: [{name: office, type: asterisk, url: 'http://a:8088', username: u, password: p}]\n"
	certManager  = "tls: {certManager: {enabled: true, issuerRef: {name: ca}}}\n"
)

// set is one --set; several are divided by blanks.
var effects = []effect{
	{"image.repository", "", "image.repository=other/blf", "image: other/blf:"},
	{"image.tag", "", "image.tag=9.9", ":9.9"},
	{"image.digest", "", "image.digest=sha256:" + strings.Repeat("a", 64), "@sha256:aaa"},
	{"image.pullPolicy", "", "image.pullPolicy=Always", "imagePullPolicy: Always"},
	{"imagePullSecrets", "", "imagePullSecrets[0]=registry", "- {name: registry}"},
	{"nameOverride", "", "nameOverride=lamps", "name: blf-lamps-admin"},
	{"fullnameOverride", "", "fullnameOverride=lamps", "name: lamps-admin"},
	{"mode", oneFile, "mode=sidecar sidecarSelector.app=pbx", "kind: PersistentVolumeClaim\nmetadata:\n  name: blf-blfbridge\n"},
	{"sidecarSelector", "", "mode=sidecar sidecarSelector.app=pbx", "app: pbx"},
	{"replicaCount", "store: {type: bundled}\n", "replicaCount=4", "replicas: 4"},
	{"minReadySeconds", "", "minReadySeconds=17", "minReadySeconds: 17"},
	{"clusterDomain", "config: {edge: {enabled: true}}\n", "clusterDomain=c.example", ".svc.c.example"},
	{"sip.bind", "", "sip.bind=[::]", "udp://[::]:5060"},
	{"sip.ports.udp", "", "sip.ports.udp=5070", "udp://0.0.0.0:5070"},
	{"sip.ports.tcp", "", "sip.ports.tcp=5070", "tcp://0.0.0.0:5070"},
	{"sip.ports.tls", certManager, "sip.ports.tls=5061", "tls://0.0.0.0:5061"},
	{"sip.ports.ws", "", "sip.ports.ws=8081", "ws://0.0.0.0:8081"},
	{"sip.ports.wss", certManager, "sip.ports.wss=8443", "wss://0.0.0.0:8443"},
	{"sip.advertise", "", "sip.advertise=blf.example", "advertise: blf.example"},
	{"sip.advertiseToPBX", "config: {edge: {enabled: true}}\n", "sip.advertiseToPBX=edge.example", "advertise: edge.example"},
	{"sip.hostNetwork", "", "sip.hostNetwork=true", "advertise: ${HOST_IP}"},
	{"sip.service.enabled", "", "sip.service.enabled=false", "--server=udp://blf-blfbridge-pods:5060"},
	{"sip.service.type", "", "sip.service.type=ClusterIP", ""},
	{"sip.service.externalTrafficPolicy", "", "sip.service.externalTrafficPolicy=Cluster", "externalTrafficPolicy: Cluster"},
	{"sip.service.loadBalancerIP", "", "sip.service.loadBalancerIP=192.0.2.9", "advertise: 192.0.2.9"},
	{"sip.service.loadBalancerSourceRanges", "", "sip.service.loadBalancerSourceRanges[0]=192.0.2.0/24", "loadBalancerSourceRanges:"},
	{"sip.service.sessionAffinity", "", "sip.service.sessionAffinity=None", "sessionAffinity: None"},
	{"sip.service.sessionAffinitySeconds", "", "sip.service.sessionAffinitySeconds=77", "timeoutSeconds: 77"},
	{"sip.service.annotations", "", "sip.service.annotations.lb=internal", "lb: internal"},
	{"tls.existingSecret", "", "tls.existingSecret=sip-cert", "secretName: sip-cert"},
	{"tls.clientCAKey", "tls: {existingSecret: sip-cert}\n", "tls.clientCAKey=ca.crt", "client_ca_file: /etc/blfbridge/tls/ca.crt"},
	{"tls.certManager.enabled", "tls: {certManager: {issuerRef: {name: ca}}}\n", "tls.certManager.enabled=true", "kind: Certificate"},
	{"tls.certManager.issuerRef.name", certManager, "tls.certManager.issuerRef.name=other", "name: other"},
	{"tls.certManager.issuerRef.kind", certManager, "tls.certManager.issuerRef.kind=Issuer", "kind: Issuer"},
	{"tls.certManager.issuerRef.group", certManager, "tls.certManager.issuerRef.group=ca.example", "group: ca.example"},
	{"tls.certManager.dnsNames", certManager, "tls.certManager.dnsNames[0]=blf.example", "- blf.example"},
	{"tls.certManager.ipAddresses", certManager, "tls.certManager.ipAddresses[0]=192.0.2.9", "- 192.0.2.9"},
	{"tls.certManager.duration", certManager, "tls.certManager.duration=48h", "duration: 48h"},
	{"tls.certManager.renewBefore", certManager, "tls.certManager.renewBefore=12h", "renewBefore: 12h"},
	{"pbx", "", "pbx[0].name=x,pbx[0].type=freeswitch,pbx[0].address=fs:8021,pbx[0].existingSecret=s", "path: pbx-x"},
	{"store.type", oneFile, "store.type=bundled", "redis://blf-blfbridge-redis:6379"},
	{"store.prefix", withRedis, "store.prefix=lamps", "prefix: lamps"},
	{"store.bolt.size", oneFile, "store.bolt.size=7Gi", "storage: 7Gi"},
	{"store.bolt.storageClass", oneFile, "store.bolt.storageClass=fast", "storageClassName: fast"},
	{"store.bolt.persistent", oneFile, "store.bolt.persistent=false", "emptyDir: {}"},
	{"store.bolt.whenDeleted", oneFile, "store.bolt.whenDeleted=Delete", "whenDeleted: Delete"},
	{"store.redis.url", withRedis, "store.redis.url[0]=rediss://other:6380", "rediss://other:6380"},
	{"store.redis.master", withRedis, "store.redis.master=blf", "master: blf"},
	{"store.redis.cluster", withRedis, "store.redis.cluster=true", "cluster: true"},
	{"store.redis.username", withRedis, "store.redis.username=ann", "username: ann"},
	{"store.redis.password", withRedis, "store.redis.password=secret", "password_file: /etc/blfbridge/secrets/redis"},
	{"store.redis.sentinelUsername", withRedis, "store.redis.sentinelUsername=ann", "sentinel_username: ann"},
	{"store.redis.sentinelPassword", withRedis, "store.redis.sentinelPassword=secret", "sentinel_password_file: /etc/blfbridge/secrets/sentinel"},
	{"store.redis.existingSecret", withRedis, "store.redis.existingSecret=redis", "items: [{key: password, path: redis}]"},
	{"store.redis.passwordKey", withRedis, "store.redis.passwordKey=pw store.redis.existingSecret=redis", "items: [{key: pw, path: redis}]"},
	{"store.redis.sentinelPasswordKey", withRedis, "store.redis.sentinelPasswordKey=spw store.redis.existingSecret=redis", "items: [{key: spw, path: sentinel}]"},
	{"store.redis.waitReplicas", withRedis, "store.redis.waitReplicas=2", "wait_replicas: 2"},
	{"store.redis.tls.existingSecret", withRedis, "store.redis.tls.existingSecret=rtls", "ca_file: /etc/blfbridge/redis-tls/ca.crt"},
	{"store.redis.tls.caKey", withRedis, "store.redis.tls.caKey=authority store.redis.tls.existingSecret=rtls", "{key: authority, path: ca.crt}"},
	{"store.redis.tls.certKey", withRedis, "store.redis.tls.certKey=crt store.redis.tls.keyKey=key store.redis.tls.existingSecret=rtls", "{key: crt, path: tls.crt}"},
	{"store.redis.tls.keyKey", withRedis, "store.redis.tls.certKey=crt store.redis.tls.keyKey=key store.redis.tls.existingSecret=rtls", "{key: key, path: tls.key}"},
	{"store.redis.tls.serverName", withRedis, "store.redis.tls.serverName=redis.example", "server_name: redis.example"},
	{"store.bundled.image.repository", manyReplicas, "store.bundled.image.repository=valkey", "image: valkey:"},
	{"store.bundled.image.tag", manyReplicas, "store.bundled.image.tag=8.0", "image: redis:8.0"},
	{"store.bundled.image.pullPolicy", manyReplicas, "store.bundled.image.pullPolicy=Never", "imagePullPolicy: Never"},
	{"store.bundled.password", manyReplicas, "store.bundled.password=hush", `requirepass "hush"`},
	{"store.bundled.appendfsync", manyReplicas, "store.bundled.appendfsync=always", "appendfsync always"},
	{"store.bundled.persistence.size", manyReplicas, "store.bundled.persistence.size=7Gi", "storage: 7Gi"},
	{"store.bundled.persistence.storageClass", manyReplicas, "store.bundled.persistence.storageClass=fast", "storageClassName: fast"},
	{"store.bundled.persistence.whenDeleted", manyReplicas, "store.bundled.persistence.whenDeleted=Retain", "whenDeleted: Retain"},
	{"store.bundled.resources", manyReplicas, "store.bundled.resources.limits.memory=77Mi", "memory: 77Mi"},
	{"policy.mode", "", "policy.mode=file policy.existingSecret=p", "file: /etc/blfbridge/policy/policy.yaml"},
	{"policy.document", "policy: {mode: import}\n", "policy.document.max_subscriptions=7", "max_subscriptions: 7"},
	{"policy.existingSecret", "", "policy.mode=import policy.existingSecret=p", "secretName: p"},
	{"policy.existingConfigMap", "", "policy.mode=import policy.existingConfigMap=p", "name: p\n"},
	{"policy.key", "", "policy.mode=import policy.existingSecret=p policy.key=doc.yaml", "{key: doc.yaml, path: policy.yaml}"},
	{"config", "", "config.sip.realm=lamps", "realm: lamps"},
	{"admin.port", "", "admin.port=9090", "listen: 0.0.0.0:9090"},
	{"admin.token", "", "admin.token=hush-hush", `token: "hush-hush"`},
	{"admin.existingSecret", "", "admin.existingSecret=adm", "{name: adm, key: token}"},
	{"admin.existingSecretKey", "", "admin.existingSecret=adm admin.existingSecretKey=t", "items: [{key: t, path: admin}]"},
	{"admin.service.type", "", "admin.service.type=NodePort", "type: NodePort"},
	{"admin.service.annotations", "", "admin.service.annotations.a=b", "a: b"},
	{"admin.ingress.enabled", "", "admin.ingress.enabled=true", "kind: Ingress"},
	{"admin.ingress.className", "", "admin.ingress.enabled=true admin.ingress.className=nginx", "ingressClassName: nginx"},
	{"admin.ingress.host", "", "admin.ingress.enabled=true admin.ingress.host=adm.example", `host: "adm.example"`},
	{"admin.ingress.tlsSecret", "", "admin.ingress.enabled=true admin.ingress.tlsSecret=cert", "secretName: cert"},
	{"admin.ingress.annotations", "", "admin.ingress.enabled=true admin.ingress.annotations.a=b", "a: b"},
	{"admin.httpRoute.enabled", "", "admin.httpRoute.enabled=true admin.httpRoute.parentRefs[0].name=gw", "kind: HTTPRoute"},
	{"admin.httpRoute.parentRefs", "", "admin.httpRoute.enabled=true admin.httpRoute.parentRefs[0].name=gw", "- name: gw"},
	{"admin.httpRoute.hostnames", "", "admin.httpRoute.enabled=true admin.httpRoute.hostnames[0]=adm.example", "- adm.example"},
	{"admin.httpRoute.annotations", "", "admin.httpRoute.enabled=true admin.httpRoute.annotations.a=b", "a: b"},
	{"drain.sleepSeconds", "", "drain.sleepSeconds=9", "preStop: {sleep: {seconds: 9}}"},
	{"drain.stopSeconds", "", "drain.stopSeconds=90", "terminationGracePeriodSeconds: 95"},
	{"probes.readiness", "", "probes.readiness.periodSeconds=77", "periodSeconds: 77"},
	{"probes.liveness", "", "probes.liveness.periodSeconds=77", "periodSeconds: 77"},
	{"resources", "", "resources.requests.cpu=777m", "cpu: 777m"},
	{"podDisruptionBudget.enabled", manyReplicas, "podDisruptionBudget.enabled=false", ""},
	{"podDisruptionBudget.maxUnavailable", manyReplicas, "podDisruptionBudget.maxUnavailable=2", "maxUnavailable: 2"},
	{"autoscaling.enabled", "store: {type: bundled}\n", "autoscaling.enabled=true", "kind: HorizontalPodAutoscaler"},
	{"autoscaling.minReplicas", "store: {type: bundled}\n", "autoscaling.enabled=true autoscaling.minReplicas=3", "minReplicas: 3"},
	{"autoscaling.maxReplicas", "store: {type: bundled}\n", "autoscaling.enabled=true autoscaling.maxReplicas=7", "maxReplicas: 7"},
	{"autoscaling.cpuUtilization", "store: {type: bundled}\n", "autoscaling.enabled=true autoscaling.cpuUtilization=55", "averageUtilization: 55"},
	{"autoscaling.subscriptions", "store: {type: bundled}\n", "autoscaling.enabled=true autoscaling.subscriptions=5000", "name: blfbridge_subscriptions"},
	{"networkPolicy.enabled", "", "networkPolicy.enabled=true", "kind: NetworkPolicy"},
	{"networkPolicy.phones", "", "networkPolicy.enabled=true networkPolicy.phones[0]=192.0.2.0/24", `cidr: "192.0.2.0/24"`},
	{"networkPolicy.pbx", "", "networkPolicy.enabled=true networkPolicy.pbx[0]=192.0.2.0/24", `cidr: "192.0.2.0/24"`},
	{"networkPolicy.adminFrom", "", "networkPolicy.enabled=true networkPolicy.adminFrom[0].podSelector.matchLabels.a=b", "a: b"},
	{"networkPolicy.redisTo", withRedis, "networkPolicy.enabled=true networkPolicy.redisTo[0].ipBlock.cidr=192.0.2.1/32", "cidr: 192.0.2.1/32"},
	{"metrics.serviceMonitor.enabled", "", "metrics.serviceMonitor.enabled=true", "kind: ServiceMonitor"},
	{"metrics.serviceMonitor.interval", "", "metrics.serviceMonitor.enabled=true metrics.serviceMonitor.interval=7s", "interval: 7s"},
	{"metrics.serviceMonitor.labels", "", "metrics.serviceMonitor.enabled=true metrics.serviceMonitor.labels.a=b", "a: b"},
	{"metrics.prometheusRule.enabled", "", "metrics.prometheusRule.enabled=true", "alert: BlfbridgePBXDown"},
	{"metrics.prometheusRule.labels", "", "metrics.prometheusRule.enabled=true metrics.prometheusRule.labels.a=b", "a: b"},
	{"metrics.dashboard.enabled", "", "metrics.dashboard.enabled=true", `"title": "blfbridge"`},
	{"metrics.dashboard.labels", "", "metrics.dashboard.enabled=true metrics.dashboard.labels.a=b", "a: b"},
	{"serviceAccount.name", "", "serviceAccount.name=mine", "serviceAccountName: mine"},
	{"serviceAccount.annotations", "", "serviceAccount.annotations.a=b", "a: b"},
	{"commonLabels", "", "commonLabels.a=b", "a: b"},
	{"podLabels", "", "podLabels.a=b", "a: b"},
	{"podAnnotations", "", "podAnnotations.a=b", "a: b"},
	{"podSecurityContext", "", "podSecurityContext.runAsUser=77", "runAsUser: 77"},
	{"containerSecurityContext", "", "containerSecurityContext.runAsUser=77", "runAsUser: 77"},
	{"nodeSelector", "", "nodeSelector.a=b", "a: b"},
	{"tolerations", "", "tolerations[0].key=sip", "- key: sip"},
	{"affinity", "", "affinity.nodeAffinity.a=b", "nodeAffinity:"},
	{"topologySpreadConstraints", "", "topologySpreadConstraints[0].topologyKey=rack", "topologyKey: rack"},
	{"priorityClassName", "", "priorityClassName=high", "priorityClassName: high"},
	{"extraEnv", "", "extraEnv[0].name=MORE", "- name: MORE"},
	{"extraVolumes", "", "extraVolumes[0].name=more", "- name: more"},
	{"extraVolumeMounts", "", "extraVolumeMounts[0].name=more", "- name: more"},
	{"extraContainers", "", "extraContainers[0].name=more", "- name: more"},
	{"test.line", "", "test.line=*891001", `- "*891001"`},
	{"test.timeoutSeconds", "", "test.timeoutSeconds=77", "--timeout=77s"},
}

var random = regexp.MustCompile(`(token: |password: |requirepass )"[A-Za-z0-9]{32}"`)

// TestEveryValueHasAnEffect: each value of the README's table changes what is installed,
// in the way that its test says.
func TestEveryValueHasAnEffect(t *testing.T) {
	readme, err := os.ReadFile(chart + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	untested := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(readme), -1) {
		untested[m[1]] = true
	}
	if len(untested) < 100 {
		t.Fatalf("%d values in the table", len(untested))
	}
	before := map[string]string{} // by what an effect stands on
	for _, e := range effects {
		delete(untested, e.value)
		if _, ok := before[e.with]; !ok {
			text, err := template(t, e.with, "--set", "policy.document.x=1")
			if err != nil {
				t.Fatal(err)
			}
			before[e.with] = random.ReplaceAllString(text, "")
		}
		var args []string
		for set := range strings.FieldsSeq(e.set) {
			args = append(args, "--set", set)
		}
		text, err := template(t, e.with, args...)
		if err != nil {
			t.Errorf("%s: %v", e.value, err)
			continue
		}
		base, text := before[e.with], random.ReplaceAllString(text, "")
		if text == base || !strings.Contains(text, e.says) || e.says != "" && strings.Contains(base, e.says) {
			t.Errorf("%s: --set %s does not lead to %q, or it was there before", e.value, e.set, e.says)
		}
	}
	for value := range untested {
		t.Errorf("%s has no effect that is tested", value)
	}
}
