import fs from 'node:fs';import {gzipSync} from 'node:zlib';import {transform} from 'esbuild';
const m=JSON.parse(fs.readFileSync('/tmp/w/rweb-meta.json'));
const ins=m.inputs; const w=Object.entries(m.outputs).find(([k])=>k.endsWith('worker.js'))[1].inputs;
const min={};for(const i of Object.keys(w)){if(i.includes('generated.js'))continue;min[i]=(await transform(fs.readFileSync(i,'utf8'),{minify:true,format:'esm'})).code}
const all=gzipSync(Object.values(min).join('')).length;
function cutsize(name,cut,ver){const seen=new Set();const st=['dist/src/web/worker.js'];
while(st.length){const p=st.pop();if(seen.has(p))continue;seen.add(p);for(const i of ins[p].imports){if(cut(i.path,p))continue;st.push(i.path)}}
let lost=0;for(const[p,x]of Object.entries(w))if(!seen.has(p))lost+=x.bytesInOutput;
const g=all-gzipSync(Object.entries(min).filter(([p])=>seen.has(p)).map(x=>x[1]).join('')).length;
console.log(name,'raw',lost,'gz~',Math.round(g*379/437), Object.keys(w).filter(p=>!seen.has(p)).length)
if(ver)console.log([...seen].filter(p=>/kernel\/linux/.test(p)).map(p=>w[p]?.bytesInOutput+' '+p).sort((a,b)=>parseInt(b)-parseInt(a)).slice(0,45).join('\n'))}
cutsize('calls',(p)=>/linux\/calls\/index\.js/.test(p));
cutsize('calls+start',(p)=>/linux\/calls\/index\.js|linux-start\.js/.test(p),1);
cutsize('system too',(p)=>/linux\/calls\/index\.js|linux-start\.js|linux-system\.js/.test(p));
cutsize('methods',(p,f)=>/machine\/(debugger-state|engine-methods|memory-methods|vmo-methods|saving)\.js/.test(p));
cutsize('methods+debug session',(p,f)=>/machine\/(debugger-state|engine-methods|memory-methods|vmo-methods|saving)\.js|commands\/session.js/.test(p));
cutsize('translator',(p,f)=>/translation-text.js/.test(p));
cutsize('command-table',(p,f)=>/command-table.js/.test(p));
cutsize('debug-mode reports',(p,f)=>/features.js/.test(p));
