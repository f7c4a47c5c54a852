// nm_client.mjs HOST PORT N  - nodemailer as a real client: plain, STARTTLS, AUTH, pool, SMTPUTF8, DSN params, 8bit, dual DKIM
import {createRequire} from 'module'; const req=createRequire((process.env.NPM_DIR||(process.cwd()+'/node_modules/..'))+'/x.js'); const nm=req('nodemailer');
const [,,host,port,n='20']=process.argv; let p=0,f=0;
const t=async(name,fn)=>{ try{ await fn(); p++; console.log('ok',name)}catch(e){ f++; console.log('not ok',name,e.message)} };
const base={host,port:+port,tls:{rejectUnauthorized:false}};
const m=(x={})=>({from:'a@x.test',to:'u@rcvd.test',subject:'t',text:'hi',html:'<p>hi</p>',...x});
await t('plain',async()=>{const c=nm.createTransport({...base,ignoreTLS:true}); await c.sendMail(m()); c.close()});
await t('starttls required',async()=>{const c=nm.createTransport({...base,requireTLS:true}); await c.sendMail(m()); c.close()});
await t('pool '+n,async()=>{const c=nm.createTransport({...base,pool:true,maxConnections:3,maxMessages:7}); await Promise.all(Array.from({length:+n},(_,i)=>c.sendMail(m({subject:'m'+i})))); c.close()});
await t('dsn params',async()=>{const c=nm.createTransport(base); await c.sendMail(m({dsn:{id:'x1',return:'headers',notify:['failure','delay'],recipient:'orig@rcvd.test'}})); c.close()});
await t('smtputf8 + idn',async()=>{const c=nm.createTransport(base); await c.sendMail(m({to:'jõgeva@rcvd.test',subject:'õäöü'})); c.close()});
await t('list headers',async()=>{const c=nm.createTransport(base); await c.sendMail(m({list:{unsubscribe:[{url:'https://u.x.test/1',comment:''},'u@x.test']},headers:{'List-Unsubscribe-Post':'List-Unsubscribe=One-Click'}})); c.close()});
await t('a recipient nobody can take is 5xx',async()=>{const c=nm.createTransport(base); try{await c.sendMail(m({to:'u@'+'a'.repeat(70)+'.test'}))}catch(e){ if(e.responseCode>=500){c.close();return} throw e } c.close(); throw new Error('accepted')});
console.log(`${p} passed, ${f} failed`); process.exit(f?1:0);
